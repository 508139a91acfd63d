package main

// Each variant of a work in a process of its own: main.go says why.

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"syscall"
)

func run(w *work, words []string) {
	a := parse(w, words)
	if a.variant != "" {
		debug.SetTraceback("none")
		w.do(a)
		return
	}
	// The process ends with the thread that started it.
	runtime.LockOSThread()
	failed := false
	for _, variant := range w.variants {
		if err := runVariant(w, words, variant); err != nil {
			fmt.Fprintf(os.Stderr, "bench_go: %s %s: %v\n", w.name, variant, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func runVariant(w *work, words []string, variant string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	arguments := append([]string{w.name}, words...)
	command := exec.Command(program, append(arguments, "variant="+variant)...)
	command.Stdout = os.Stdout
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command.Run()
}
