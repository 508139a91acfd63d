package main

// Moments, memory, and work that takes its time: the same as perf/common/measure.c,
// so that the figures mean the same.

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A moment: the clock, and the CPU time of all threads so far.
type moment struct {
	wall time.Time
	cpu  int64
}

func now() moment {
	var usage syscall.Rusage

	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage), "getrusage")
	return moment{time.Now(), usage.Utime.Nano() + usage.Stime.Nano()}
}

func (start moment) wallUntil(end moment) float64 {
	return float64(end.wall.Sub(start.wall).Nanoseconds())
}

func (start moment) cpuUntil(end moment) float64 {
	return float64(end.cpu - start.cpu)
}

// The number behind name in file, in kB there, in bytes here.
func readKB(file, name string) float64 {
	text, err := os.ReadFile(file)
	check(err, file)
	_, rest, _ := strings.Cut(string(text), name)
	kb := int64(0)
	_, err = fmt.Sscan(rest, &kb)
	check(err, file+": "+name)
	return float64(kb * 1024)
}

// Resident bytes of this process.
func resident() float64 {
	return readKB("/proc/self/smaps_rollup", "\nRss:")
}

// The most since resetPeak().
func peak() float64 {
	return readKB("/proc/self/status", "\nVmHWM:")
}

func resetPeak() {
	err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	check(err, "/proc/self/clear_refs")
}

func maps() float64 {
	text, err := os.ReadFile("/proc/self/maps")
	check(err, "/proc/self/maps")
	return float64(bytes.Count(text, []byte("\n")))
}

// Compute: so many steps. Their result is used, so none can be left out.
func spin(rounds uint64) uint64 {
	x := uint64(88172645463325252)
	for ; rounds > 0; rounds-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

const (
	calibrationRuns = 5
	calibrationTime = 20 * time.Millisecond
	threadsMax      = 64
)

var spun uint64 // under the lock of a calibration

// Rounds in a ns, and what came of them.
func spinForAWhile() (float64, uint64) {
	start := time.Now()
	sum := uint64(0)
	for rounds := 10000; ; rounds += 10000 {
		sum += spin(10000)
		elapsed := time.Since(start)
		if elapsed >= calibrationTime {
			return float64(rounds) / float64(elapsed.Nanoseconds()), sum
		}
	}
}

// How many rounds take ns, with as many goroutines at it as threads, or as there are
// CPUs if that is less: two CPUs may be one core. And how many they were.
func calibrate(ns, threads int) (uint64, int) {
	for _, most := range []int{runtime.NumCPU(), threadsMax} {
		if threads > most {
			threads = most
		}
	}
	var lock sync.Mutex
	best := 0.0
	for i := 0; i < calibrationRuns; i++ {
		var running sync.WaitGroup
		for j := 0; j < threads; j++ {
			running.Add(1)
			go func() {
				speed, sum := spinForAWhile()
				lock.Lock()
				if speed > best {
					best = speed
				}
				spun += sum
				lock.Unlock()
				running.Done()
			}()
		}
		running.Wait()
	}
	return uint64(best*float64(ns)) + 1, threads
}
