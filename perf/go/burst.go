package main

// burst, sleepers: many jobs started at once.

import (
	"runtime/debug"
	"syscall"
	"time"
)

// Start them all, and wait for all results.
func startAll(queue chan<- *job, results chan *job, jobs []job, each job) {
	each.done = results
	for i := range jobs {
		jobs[i] = each
		queue <- &jobs[i]
	}
	for range jobs {
		<-results
	}
}

// The jobs and the channels' memory is there before, but fresh from the kernel.
func burst(a *arguments) {
	const warmJobs = 1000
	count := a.get("count")
	length := count
	if length < warmJobs {
		length = warmJobs
	}
	queue := a.startWorkers(a.get("workers"), length)
	results := make(chan *job, length)
	startAll(queue, results, make([]job, warmJobs), job{run: nothing})
	jobs := make([]job, count)
	time.Sleep(50 * time.Millisecond)
	resetPeak()
	before := resident()
	start := time.Now()
	startAll(queue, results, jobs, job{run: nothing})
	took := time.Since(start)
	a.print("burst", took.Seconds()*1000, "ms")
	a.print("burst_memory", (peak()-before)/float64(count), "bytes/job")
}

func sleepInKernel(ms uint64) uint64 {
	left := syscall.NsecToTimespec(int64(ms) * 1000000)
	for {
		err := syscall.Nanosleep(&left, &left)
		if err != syscall.EINTR {
			check(err, "nanosleep")
			return ms
		}
	}
}

func sleepOnTimer(ms uint64) uint64 {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return ms
}

func sleepers(a *arguments) {
	threads := a.get("threads")
	each := job{run: sleepInKernel, argument: uint64(a.get("ms"))}
	if a.variant == "go-timer" {
		each.run = sleepOnTimer
	}
	debug.SetMaxThreads(threads + 10000)
	queue := a.startWorkers(threads, threads)
	results := make(chan *job, threads)
	jobs := make([]job, threads)
	startAll(queue, results, jobs, each)
	start := time.Now()
	for i := a.get("rounds"); i > 0; i-- {
		startAll(queue, results, jobs, each)
	}
	a.print("sleepers", time.Since(start).Seconds()*1000, "ms")
}
