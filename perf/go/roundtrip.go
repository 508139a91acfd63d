package main

// roundtrip: how long one job takes, there and back.
//
// A gap is waited for on a timerfd that Go's poller watches: a time.Sleep() of a
// process that is idle otherwise is rounded up to whole milliseconds, and a loop that
// slept longer than asked would be measured colder than others are.

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

type gap struct {
	fd    uintptr
	file  *os.File
	times [2]syscall.Timespec // interval, value: a struct itimerspec
	read  [8]byte
}

func newGap(us int) *gap {
	const clockMonotonic = 1
	flags := uintptr(syscall.O_NONBLOCK | syscall.O_CLOEXEC)
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, flags, 0)
	if errno != 0 {
		check(errno, "timerfd_create")
	}
	g := &gap{fd: fd, file: os.NewFile(fd, "timerfd")}
	g.times[1] = syscall.NsecToTimespec(int64(us) * 1000)
	return g
}

func (g *gap) wait() {
	_, _, errno := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, g.fd, 0,
		uintptr(unsafe.Pointer(&g.times)), 0, 0, 0)
	if errno != 0 {
		check(errno, "timerfd_settime")
	}
	_, err := g.file.Read(g.read[:])
	check(err, "timerfd")
}

func roundtrip(a *arguments) {
	count := a.get("count")
	warm := count/10 + 1
	ns := make([]int64, count)
	queue := a.startWorkers(1, 1)
	results := make(chan *job, 1)
	j := &job{run: nothing, done: results}
	var pause *gap
	if us := a.get("gap_us"); us > 0 {
		pause = newGap(us)
	}
	var start moment
	for i := 0; i < warm+count; i++ {
		began := time.Now()
		queue <- j
		<-results
		took := time.Since(began)
		if i >= warm {
			ns[i-warm] = took.Nanoseconds()
		} else if i == warm-1 {
			start = now()
		}
		if pause != nil && i < warm+count-1 {
			pause.wait()
		}
	}
	cpu := start.cpuUntil(now()) / float64(count)
	a.printTimes("roundtrip", ns)
	a.print("roundtrip_cpu", cpu/1000, "us")
}
