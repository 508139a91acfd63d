//! tasks - spawn, waiting: what a task costs, in time and in memory

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use crate::arguments::Arguments;
use crate::measure::{check, maps, resident};
use crate::system::{new_loop, run};

pub fn spawn(arguments: &'static Arguments) {
    let count = arguments.get("count");
    let warm = count / 10 + 1;

    let own = new_loop(arguments.system(), 1);

    run(&own, async move {
        let mut start = Instant::now();

        for i in 0..warm + count {
            if i == warm {
                start = Instant::now();
            }
            check(tokio::spawn(async {}).await, "a task");
        }
        let ns = start.elapsed().as_nanos() as f64;

        arguments.print("spawn_join", ns / count as f64, "ns");
    });
}

const WORKERS: usize = 2;

/// Holds up the workers, so that all other jobs stay in the queue.
static GATE_IS_OPEN: Mutex<bool> = Mutex::new(false);
static GATE: Condvar = Condvar::new();

static WAITING: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);

fn wait_at_gate() {
    let open = GATE_IS_OPEN.lock().unwrap();

    drop(GATE.wait_while(open, |open| !*open).unwrap());
}

/// Returns when all of them wait: a task gives its job away in its first turn.
async fn start(count: u64) {
    WAITING.store(0, Relaxed);
    DONE.store(0, Relaxed);
    for _ in 0..count {
        tokio::spawn(async {
            WAITING.fetch_add(1, Relaxed);
            check(tokio::task::spawn_blocking(wait_at_gate).await, "a job");
            DONE.fetch_add(1, Relaxed);
        });
    }
    while WAITING.load(Relaxed) < count {
        tokio::task::yield_now().await;
    }
}

async fn finish(count: u64) {
    *GATE_IS_OPEN.lock().unwrap() = true;
    GATE.notify_all();
    while DONE.load(Relaxed) < count {
        tokio::task::yield_now().await;
    }
    *GATE_IS_OPEN.lock().unwrap() = false;
}

pub fn waiting(arguments: &'static Arguments) {
    let count = arguments.get("count");

    let own = new_loop(arguments.system(), WORKERS);

    run(&own, async move {
        // The memory of the workers is not that of those who wait.
        start(WORKERS as u64).await;
        finish(WORKERS as u64).await;
        let (maps_before, before) = (maps(), resident());

        start(count).await;
        let bytes = resident() - before;
        let more_maps = maps() - maps_before;

        finish(count).await;
        arguments.print("waiting_memory", bytes / count as f64, "bytes/fiber");
        arguments.print("waiting_maps", more_maps, "maps");
    });
}
