package main

// jobs, busy, loops: so many jobs in flight, each result starts the next.

import (
	"runtime"
	"sync"
)

// A function, what it is given, what it gave, and where that is waited for.
type job struct {
	run      func(uint64) uint64
	argument uint64
	result   uint64
	done     chan<- *job
	context  int // whose it is, in the work of that name
}

//go:noinline
func nothing(argument uint64) uint64 {
	return argument
}

// A worker; also a context, which has its own queue.
func serve(queue <-chan *job, onThread bool) {
	if onThread {
		runtime.LockOSThread()
	}
	for j := range queue {
		j.result = j.run(j.argument)
		j.done <- j
	}
}

// So many workers, with a queue so long. With "go-threads" the caller, which is the
// loop, is bound to its thread, too.
func (a *arguments) startWorkers(workers, length int) chan *job {
	queue := make(chan *job, length)
	onThreads := a.variant == "go-threads"
	if onThreads {
		runtime.LockOSThread()
	}
	for i := 0; i < workers; i++ {
		go serve(queue, onThreads)
	}
	return queue
}

// What has been started and done, which the loop alone counts. The first tenth is not
// measured.
type pump struct {
	count, warm   int
	started, done int
	start, end    moment
}

func newPump(count int) *pump {
	return &pump{count: count, warm: count/10 + 1}
}

// Whether there is another job to start, which the caller then does.
func (p *pump) take() bool {
	p.started++
	return p.started <= p.warm+p.count
}

// A result has come. False if it was the last.
func (p *pump) put() bool {
	p.done++
	if p.done == p.warm {
		p.start = now()
	}
	if p.done == p.warm+p.count {
		p.end = now()
	}
	return p.done < p.warm+p.count
}

// Lines name and name_cpu, of a pump that has run.
func (p *pump) printRate(a *arguments, name string) {
	count := float64(p.count)
	a.print(name, count*1e9/p.start.wallUntil(p.end), "jobs/s")
	a.print(name+"_cpu", p.start.cpuUntil(p.end)/count, "ns/job")
}

// The loop.
func (p *pump) run(queue chan<- *job, inflight int, each job) {
	results := make(chan *job, inflight)
	jobs := make([]job, inflight)
	each.done = results
	for i := range jobs {
		jobs[i] = each
		if p.take() {
			queue <- &jobs[i]
		}
	}
	for j := range results {
		if !p.put() {
			break
		}
		if p.take() {
			queue <- j
		}
	}
}

func pumpJobs(a *arguments, each job) *pump {
	inflight := a.get("inflight")
	queue := a.startWorkers(a.get("workers"), inflight)
	p := newPump(a.get("count"))
	p.run(queue, inflight, each)
	return p
}

func jobs(a *arguments) {
	pumpJobs(a, job{run: nothing}).printRate(a, "jobs")
}

func busy(a *arguments) {
	ns := a.get("ns")
	rounds, threads := calibrate(ns, a.get("workers"))
	p := pumpJobs(a, job{run: spin, argument: rounds})
	possible := p.start.wallUntil(p.end) * float64(threads)
	a.print("busy_efficiency", 100*float64(p.count)*float64(ns)/possible, "%")
}

// They begin together; the time is from the first moment at which a loop has warmed up
// to the end of the last.
func loops(a *arguments) {
	n, inflight := a.get("loops"), a.get("inflight")
	queue := a.startWorkers(a.get("workers"), n*inflight)
	pumps := make([]*pump, n)
	together := make(chan struct{})
	var turning sync.WaitGroup
	for i := range pumps {
		pumps[i] = newPump(a.get("count"))
		turning.Add(1)
		go func(p *pump) {
			<-together
			p.run(queue, inflight, job{run: nothing})
			turning.Done()
		}(pumps[i])
	}
	close(together)
	turning.Wait()
	start, end, count := pumps[0].start, pumps[0].end, 0
	for _, p := range pumps {
		if p.start.wall.Before(start.wall) {
			start = p.start
		}
		if p.end.wall.After(end.wall) {
			end = p.end
		}
		count += p.count
	}
	a.print("loops", float64(count)*1e9/start.wallUntil(end), "jobs/s")
}
