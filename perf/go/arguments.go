package main

// The command line of a work, KEY=VALUE..., and the lines it prints.

import (
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
)

type key struct {
	name      string
	otherwise int64
}

type work struct {
	name     string
	keys     []key
	variants []string
	do       func(*arguments)
}

type arguments struct {
	values    map[string]int64
	variant   string // that was asked for, or ""
	parameter string
}

// The command line is wrong.
func refuse(what string) {
	fmt.Fprintln(os.Stderr, "bench_go:", what)
	os.Exit(2)
}

// Ends the program with a word if it went wrong.
func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench_go: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		refuse("not a number of at least 1: '" + text + "'")
	}
	return n
}

func (w *work) hasVariant(name string) bool {
	for _, its := range w.variants {
		if its == name {
			return true
		}
	}
	return false
}

func parse(w *work, words []string) *arguments {
	a := &arguments{values: map[string]int64{}}
	cpus := int64(0)

	for _, k := range w.keys {
		a.values[strings.TrimPrefix(k.name, ".")] = k.otherwise
	}
	for _, word := range words {
		name, text, found := strings.Cut(word, "=")
		if !found {
			refuse("not KEY=VALUE: '" + word + "'")
		}
		if _, known := a.values[name]; known {
			a.values[name] = number(text)
		} else if name == "cpus" {
			cpus = number(text)
		} else if name == "variant" && w.hasVariant(text) {
			a.variant = text
		} else {
			refuse("this work does not know '" + word + "'")
		}
	}
	var labels []string
	for _, k := range w.keys {
		if !strings.HasPrefix(k.name, ".") {
			labels = append(labels, fmt.Sprintf("%s=%d", k.name, a.values[k.name]))
		}
	}
	if cpus > 0 {
		labels = append(labels, fmt.Sprintf("cpus=%d", cpus))
	}
	a.parameter = "-"
	if len(labels) > 0 {
		a.parameter = strings.Join(labels, ",")
	}
	return a
}

func (a *arguments) get(name string) int {
	n, known := a.values[name]
	if !known || n > math.MaxInt {
		panic(name)
	}
	return int(n)
}

func (a *arguments) print(name string, value float64, unit string) {
	digits := 0
	if value < 1000 {
		digits = 3
	}
	_, err := fmt.Printf("%s %s %s %.*f %s\n", name, a.variant, a.parameter, digits,
		value, unit)
	check(err, "standard output")
}

// Lines name_p01 to name_max, in us, of times in ns. Sorts them.
func (a *arguments) printTimes(name string, ns []int64) {
	points := []struct {
		name string
		part float64
	}{
		{"p01", .01}, {"p10", .10}, {"p25", .25}, {"p50", .50}, {"p75", .75},
		{"p90", .90}, {"p99", .99}, {"p999", .999}, {"max", 1},
	}

	sort.Slice(ns, func(i, j int) bool { return ns[i] < ns[j] })
	for _, point := range points {
		at := int(point.part*float64(len(ns)-1) + .5)
		a.print(name+"_"+point.name, float64(ns[at])/1000, "us")
	}
}
