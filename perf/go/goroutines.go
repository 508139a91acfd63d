package main

// spawn, waiting: what a goroutine costs, in time and in memory.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func spawn(a *arguments) {
	count := a.get("count")
	warm := count/10 + 1
	ended := make(chan struct{})
	end := func() { ended <- struct{}{} }
	var start time.Time
	for i := 0; i < warm+count; i++ {
		if i == warm {
			start = time.Now()
		}
		go end()
		<-ended
	}
	ns := float64(time.Since(start).Nanoseconds())
	a.print("spawn_join", ns/float64(count), "ns")
}

// Those who wait for a job, and the gate that holds up the workers meanwhile.
type hall struct {
	queue   chan *job
	gate    sync.RWMutex
	waiting int64
	ended   sync.WaitGroup
}

func (h *hall) waitAtGate(argument uint64) uint64 {
	h.gate.RLock()
	h.gate.RUnlock()
	return argument
}

func (h *hall) waitForJob(run func(uint64) uint64) {
	done := make(chan *job, 1)
	h.queue <- &job{run: run, done: done}
	atomic.AddInt64(&h.waiting, 1)
	<-done
	h.ended.Done()
}

// Returns when all of them wait.
func (h *hall) start(count int) {
	h.gate.Lock()
	atomic.StoreInt64(&h.waiting, 0)
	h.ended.Add(count)
	run := h.waitAtGate
	for i := 0; i < count; i++ {
		go h.waitForJob(run)
	}
	for atomic.LoadInt64(&h.waiting) < int64(count) {
		runtime.Gosched()
	}
}

func (h *hall) finish() {
	h.gate.Unlock()
	h.ended.Wait()
}

func waiting(a *arguments) {
	const workers = 2
	count := a.get("count")
	h := &hall{queue: a.startWorkers(workers, count)}
	// The memory of the workers is not that of those who wait.
	h.start(workers)
	h.finish()
	mapsBefore, before := maps(), resident()
	h.start(count)
	bytes, moreMaps := resident()-before, maps()-mapsBefore
	h.finish()
	a.print("waiting_memory", bytes/float64(count), "bytes/fiber")
	a.print("waiting_maps", moreMaps, "maps")
}
