//! system - the loop and the pools, as main.rs says they are chosen

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::measure::check;

/// A function and what it is given; so jobs of all works are the same type.
#[derive(Clone, Copy)]
pub struct Job {
    pub run: fn(u64) -> u64,
    pub argument: u64,
}

#[inline(never)]
fn nothing(argument: u64) -> u64 {
    argument
}

pub const EMPTY: Job = Job {
    run: nothing,
    argument: 0,
};

/// A loop, on the thread that calls it. Its own pool has at most `workers` threads.
pub fn new_loop(system: &str, workers: usize) -> Runtime {
    let mut builder = Builder::new_current_thread();

    builder.max_blocking_threads(workers);
    if system != "tokio-noio" {
        builder.enable_all();
    }
    check(builder.build(), "a current-thread runtime")
}

/// Run `future` on the loop, as a task: what is written into `block_on` itself is woken
/// through the I/O driver, which makes it slower by half a microsecond each time.
pub fn run<F>(own: &Runtime, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    check(own.block_on(own.spawn(future)), "the loop's task")
}

/// A second runtime whose tasks are jobs. It needs no drivers: nothing waits there.
pub fn new_task_pool(workers: usize) -> Runtime {
    let pool = Builder::new_multi_thread().worker_threads(workers).build();

    check(pool, "a multi-thread runtime")
}

/// To the pool for blocking functions of the runtime that `pool` belongs to.
pub fn submit_blocking(pool: &Handle, job: Job) -> JoinHandle<u64> {
    pool.spawn_blocking(move || (job.run)(job.argument))
}

/// To the task pool; the result goes to a channel of the loop, which outlives it.
pub fn submit_task(pool: &Handle, job: Job, results: &UnboundedSender<u64>) {
    let results = results.clone();

    pool.spawn(async move {
        check(results.send((job.run)(job.argument)), "the loop's channel");
    });
}
