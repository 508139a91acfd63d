//! bench_tokio - the benchmarks, for tokio
//!
//! The command line and the lines printed are those of all programs in perf/, which
//! perf/README.md describes: `bench_tokio version | list | WORK KEY=VALUE...`.
//!
//! What is fair, and what was chosen
//!
//! The loop is a current-thread runtime on the main thread with all its drivers
//! (`enable_all`), as `#[tokio::main(flavor = "current_thread")]` makes it. A loop of the
//! multi-thread runtime would have no thread of its own to which results come back. What
//! the loop does is a task (`spawn`), not the body of `block_on`, which is slower.
//!
//! tokio        Jobs go to the pool for blocking functions, `spawn_blocking`, with
//!              `max_blocking_threads` as large as the work says; a task for each job in
//!              flight awaits it and starts the next. That is what tokio's manual says
//!              for functions that may block, which is what such a pool is for.
//! tokio-multi  Jobs are tasks of a second, multi-thread runtime with so many worker
//!              threads, and send their results into a channel of the loop. For
//!              functions that compute and never block for long this is the faster way:
//!              no lock is common to all workers, and the channel wakes the loop only
//!              if it waits. Awaiting a `JoinHandle` wakes it for each job.
//! tokio-noio   As tokio, but the loop has no I/O driver (jobs only). Waking it is then a
//!              futex, and only if it sleeps, instead of a write to an eventfd for each
//!              job. Such a loop can serve no socket; it shows what the driver costs.
//!
//! `contexts` has more to say in contexts.rs. Works without a second way print "tokio".
//!
//! Each variant runs in a process of its own, which this program starts with the key
//! `variant`: so neither threads nor memory of one are there when the next is measured.

mod arguments;
mod burst;
mod contexts;
mod jobs;
mod measure;
mod process;
mod roundtrip;
mod system;
mod tasks;

use arguments::{Key, Work};

const fn key(name: &'static str, otherwise: u64) -> Key {
    Key {
        name,
        otherwise,
        label: true,
    }
}

/// A key that is no part of the parameter.
const fn quiet(name: &'static str, otherwise: u64) -> Key {
    Key {
        name,
        otherwise,
        label: false,
    }
}

/// The order of the keys is that of the parameter.
const WORKS: &[Work] = &[
    Work {
        name: "jobs",
        keys: &[
            key("workers", 1),
            key("inflight", 1024),
            quiet("count", 1_000_000),
        ],
        variants: &["tokio", "tokio-multi", "tokio-noio"],
        run: jobs::jobs,
    },
    Work {
        name: "roundtrip",
        keys: &[key("gap_us", 0), quiet("count", 100_000)],
        variants: &["tokio", "tokio-multi"],
        run: roundtrip::roundtrip,
    },
    Work {
        name: "busy",
        keys: &[
            key("workers", 2),
            key("inflight", 64),
            key("ns", 10_000),
            quiet("count", 100_000),
        ],
        variants: &["tokio", "tokio-multi"],
        run: jobs::busy,
    },
    Work {
        name: "burst",
        keys: &[key("workers", 2), key("count", 100_000)],
        variants: &["tokio", "tokio-multi"],
        run: burst::burst,
    },
    Work {
        name: "sleepers",
        keys: &[key("threads", 64), key("ms", 10), key("rounds", 10)],
        variants: &["tokio"],
        run: burst::sleepers,
    },
    Work {
        name: "contexts",
        keys: &[
            key("contexts", 8),
            key("inflight", 1024),
            quiet("count", 1_000_000),
        ],
        variants: &["tokio", "tokio-multi", "tokio-threads"],
        run: contexts::contexts,
    },
    Work {
        name: "spawn",
        keys: &[quiet("count", 1_000_000)],
        variants: &["tokio"],
        run: tasks::spawn,
    },
    Work {
        name: "waiting",
        keys: &[key("count", 100_000)],
        variants: &["tokio"],
        run: tasks::waiting,
    },
    Work {
        name: "loops",
        keys: &[
            key("loops", 2),
            key("workers", 2),
            key("inflight", 1024),
            quiet("count", 1_000_000),
        ],
        variants: &["tokio", "tokio-multi"],
        run: jobs::loops,
    },
];

/// Cargo has written it before it compiles this: the version that is linked.
const LOCK: &str = include_str!("../Cargo.lock");

fn version() -> &'static str {
    let mut lines = LOCK.lines();

    lines.find(|line| *line == "name = \"tokio\"");
    lines
        .next()
        .and_then(|line| line.split('"').nth(1))
        .unwrap_or("unknown")
}

fn main() {
    measure::fail_with_1();
    let words: Vec<String> = std::env::args().skip(1).collect();

    match words.first().map(String::as_str) {
        None => arguments::refuse("usage: bench_tokio version | list | WORK KEY=VALUE..."),
        Some("version") => println!("tokio {}", version()),
        Some("list") => WORKS.iter().for_each(|work| println!("{}", work.name)),
        Some(name) => match WORKS.iter().find(|work| work.name == name) {
            None => arguments::refuse(&format!("there is no work '{name}'")),
            Some(work) => process::run(work, &words[1..]),
        },
    }
}
