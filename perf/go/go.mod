module eider/perf/go

go 1.19
