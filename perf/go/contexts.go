package main

// contexts: jobs of one context run strictly one after another, in order. Each context
// is a goroutine with a channel of its own: a pool with one worker. With "go-threads"
// it is a thread, too. Without, as many threads serve all contexts as there are CPUs.

import "runtime/debug"

func contexts(a *arguments) {
	n, inflight := a.get("contexts"), a.get("inflight")
	debug.SetMaxThreads(n + 10000)
	if inflight < n {
		inflight = n
	}
	queues := make([]chan *job, n)
	for i := range queues {
		queues[i] = a.startWorkers(1, inflight/n+1)
	}
	results := make(chan *job, inflight)
	jobs := make([]job, inflight)
	p := newPump(a.get("count"))
	for i := range jobs {
		jobs[i] = job{run: nothing, done: results, context: i % n}
		if p.take() {
			queues[i%n] <- &jobs[i]
		}
	}
	for j := range results {
		if !p.put() {
			break
		}
		if p.take() {
			queues[j.context] <- j
		}
	}
	p.printRate(a, "contexts")
}
