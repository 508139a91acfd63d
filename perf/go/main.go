// bench_go - the benchmarks, for Go
//
// The command line and the lines printed are those of all programs in perf/, which
// perf/README.md describes: bench_go version | list | WORK KEY=VALUE...
//
// # What is fair, and what was chosen
//
// The loop is the main goroutine. It sends jobs over a channel to as many worker
// goroutines as the work says, and receives each result from a channel of its own;
// there it starts the next. That is the worker pool of Go's own tutorials. The channels
// are as long as there are jobs in flight, so that nobody waits to send, and jobs are
// passed by pointer, which is faster than by value.
//
// GOMAXPROCS stays as it is, one for each CPU: Go's scheduler decides which goroutine
// runs on which thread, and takes the CPU of a goroutine that blocks in the kernel for
// another one. Bounding it to the number of workers would take that away from the loop.
// It also means that a worker is no thread: a job in turn with the loop often runs on
// the loop's own thread, without any thread being woken (roundtrip), and is moved away
// only if it blocks or computes for long. A job in C, or in the kernel, has a thread
// to itself for as long. The garbage collector stays as it is, too.
//
//   - go: as above. contexts: a goroutine for each, so no affinity to a thread.
//   - go-threads: the loop, and each worker or context, has a thread to itself
//     (LockOSThread), which is what other systems have. Nobody who need not would do
//     so; libraries that care on which thread they are called need it.
//   - go-timer: sleepers with time.Sleep(), which holds no thread. In "go" they sleep
//     in the kernel, as in a call into an old library.
//
// A Go program that cannot go on ends with 2, which here means bad arguments. So each
// variant of a work runs in a process of its own, which this program starts with the
// key "variant", and whose failures it reports with 1. It also means that neither
// threads nor memory of one are there when the next is measured.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// The order of the keys is that of the parameter; one that begins with '.' is no part
// of it.
var works = []work{
	{"jobs", []key{{"workers", 1}, {"inflight", 1024}, {".count", 1000000}},
		[]string{"go", "go-threads"}, jobs},
	{"roundtrip", []key{{"gap_us", 0}, {".count", 100000}},
		[]string{"go", "go-threads"}, roundtrip},
	{"busy", []key{{"workers", 2}, {"inflight", 64}, {"ns", 10000}, {".count", 100000}},
		[]string{"go"}, busy},
	{"burst", []key{{"workers", 2}, {"count", 100000}},
		[]string{"go", "go-threads"}, burst},
	{"sleepers", []key{{"threads", 64}, {"ms", 10}, {"rounds", 10}},
		[]string{"go", "go-timer"}, sleepers},
	{"contexts", []key{{"contexts", 8}, {"inflight", 1024}, {".count", 1000000}},
		[]string{"go", "go-threads"}, contexts},
	{"spawn", []key{{".count", 1000000}},
		[]string{"go"}, spawn},
	{"waiting", []key{{"count", 100000}},
		[]string{"go"}, waiting},
	{"loops", []key{{"loops", 2}, {"workers", 2}, {"inflight", 1024}, {".count", 1000000}},
		[]string{"go"}, loops},
}

func main() {
	if len(os.Args) < 2 {
		refuse("usage: bench_go version | list | WORK KEY=VALUE...")
	}
	name := os.Args[1]
	if name == "version" {
		fmt.Println("go", strings.TrimPrefix(runtime.Version(), "go"))
		return
	}
	for i := range works {
		if name == "list" {
			fmt.Println(works[i].name)
		} else if name == works[i].name {
			run(&works[i], os.Args[2:])
			return
		}
	}
	if name != "list" {
		refuse("there is no work '" + name + "'")
	}
}
