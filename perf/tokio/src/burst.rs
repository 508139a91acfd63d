//! burst - burst, sleepers: many jobs started at once
//!
//! The loop keeps the handles, and awaits one after another.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use crate::arguments::Arguments;
use crate::measure::{check, peak, reset_peak, resident, threads};
use crate::system::{new_loop, new_task_pool, run, submit_blocking, submit_task, Job, EMPTY};

const WARM_JOBS: usize = 1000;
const PAUSE: Duration = Duration::from_millis(50);

/// The pool, and where results are waited for.
enum Way {
    Blocking(Handle, Vec<JoinHandle<u64>>),
    Tasks(Handle, UnboundedSender<u64>, UnboundedReceiver<u64>),
}

impl Way {
    async fn all(&mut self, job: Job, count: usize) {
        match self {
            Way::Blocking(pool, handles) => {
                handles.extend((0..count).map(|_| submit_blocking(pool, job)));
                for handle in handles.drain(..) {
                    check(handle.await, "a job");
                }
            }
            Way::Tasks(pool, results, inbox) => {
                for _ in 0..count {
                    submit_task(pool, job, results);
                }
                for _ in 0..count {
                    inbox.recv().await;
                }
            }
        }
    }
}

/// Have all threads of the loop's pool. It starts one only if none of the others is
/// idle, and makes do with those that it has if the kernel refuses.
async fn start_threads(workers: usize) {
    let barrier = Arc::new(Barrier::new(workers + 1));
    let handles: Vec<_> = (0..workers)
        .map(|_| {
            let barrier = barrier.clone();

            tokio::task::spawn_blocking(move || barrier.wait().is_leader())
        })
        .collect();

    if threads() <= workers {
        panic!("{workers} threads are too many here");
    }
    barrier.wait();
    for handle in handles {
        check(handle.await, "a job");
    }
}

pub fn burst(arguments: &'static Arguments) {
    let system = arguments.system();
    let (workers, count) = (arguments.size("workers"), arguments.size("count"));
    let own = new_loop(system, workers);
    let pool = (system == "tokio-multi").then(|| new_task_pool(workers));
    let tasks = pool.as_ref().map(|pool| pool.handle().clone());

    run(&own, async move {
        let mut way = match tasks {
            Some(pool) => {
                let (results, inbox) = unbounded_channel();

                Way::Tasks(pool, results, inbox)
            }
            None => {
                start_threads(workers).await;
                Way::Blocking(Handle::current(), Vec::new())
            }
        };

        way.all(EMPTY, WARM_JOBS).await;
        if let Way::Blocking(_, handles) = &mut way {
            *handles = Vec::with_capacity(count);
        }
        thread::sleep(PAUSE);
        reset_peak();
        let before = resident();
        let start = Instant::now();

        way.all(EMPTY, count).await;
        let took = start.elapsed();

        arguments.print("burst", took.as_secs_f64() * 1000.0, "ms");
        arguments.print(
            "burst_memory",
            (peak() - before) / count as f64,
            "bytes/job",
        );
    });
}

fn sleep_ms(ms: u64) -> u64 {
    thread::sleep(Duration::from_millis(ms));
    ms
}

pub fn sleepers(arguments: &'static Arguments) {
    let workers = arguments.size("threads");
    let own = new_loop(arguments.system(), workers);
    let job = Job {
        run: sleep_ms,
        argument: arguments.get("ms"),
    };

    run(&own, async move {
        let mut way = Way::Blocking(Handle::current(), Vec::with_capacity(workers));

        start_threads(workers).await;
        way.all(job, workers).await;
        let start = Instant::now();

        for _ in 0..arguments.get("rounds") {
            way.all(job, workers).await;
        }
        arguments.print("sleepers", start.elapsed().as_secs_f64() * 1000.0, "ms");
    });
}
