//! jobs - jobs, busy, loops: so many jobs in flight, each result starts the next
//!
//! The count is kept by the loop alone; its numbers are atomic because a task has to
//! be able to move, not because one does.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::unbounded_channel;

use crate::arguments::Arguments;
use crate::measure::{calibrate, check, spin, Moment};
use crate::system::{new_loop, new_task_pool, run, submit_blocking, submit_task, Job, EMPTY};

/// What has been started and done. The first tenth is not counted.
pub struct Pump {
    warm: u64,
    total: u64,
    started: AtomicU64,
    done: AtomicU64,
    start: Mutex<Option<Moment>>,
    end: Mutex<Option<Moment>>,
}

impl Pump {
    pub fn new(count: u64) -> Pump {
        let warm = count / 10 + 1;

        Pump {
            warm,
            total: warm + count,
            started: AtomicU64::new(0),
            done: AtomicU64::new(0),
            start: Mutex::new(None),
            end: Mutex::new(None),
        }
    }

    /// Whether there is another job to start, which the caller then does.
    pub fn take(&self) -> bool {
        let started = self.started.load(Relaxed);

        self.started.store(started + 1, Relaxed);
        started < self.total
    }

    /// A result has come. False if it was the last.
    pub fn put(&self) -> bool {
        let done = self.done.load(Relaxed) + 1;

        self.done.store(done, Relaxed);
        if done == self.warm {
            *self.start.lock().unwrap() = Some(Moment::now());
        }
        if done == self.total {
            *self.end.lock().unwrap() = Some(Moment::now());
        }
        done < self.total
    }

    /// Of a pump that has run.
    pub fn moments(&self) -> (Moment, Moment) {
        let start = self.start.lock().unwrap();
        let end = self.end.lock().unwrap();

        (start.expect("a start"), end.expect("an end"))
    }

    pub fn count(&self) -> f64 {
        (self.total - self.warm) as f64
    }

    /// Lines `name` and `name`_cpu.
    pub fn print_rate(&self, arguments: &Arguments, name: &str) {
        let (start, end) = self.moments();
        let rate = self.count() * 1e9 / start.wall_ns_until(&end);
        let cpu = start.cpu_ns_until(&end) / self.count();

        arguments.print(name, rate, "jobs/s");
        arguments.print(&format!("{name}_cpu"), cpu, "ns/job");
    }
}

/// A task for each job in flight.
async fn pump_blocking(pool: Handle, job: Job, inflight: usize, pump: Arc<Pump>) {
    let tasks: Vec<_> = (0..inflight)
        .map(|_| {
            let (pool, pump) = (pool.clone(), pump.clone());

            tokio::spawn(async move {
                while pump.take() {
                    check(submit_blocking(&pool, job).await, "a job");
                    pump.put();
                }
            })
        })
        .collect();

    for task in tasks {
        check(task.await, "a task");
    }
}

async fn pump_tasks(pool: Handle, job: Job, inflight: usize, pump: Arc<Pump>) {
    let (results, mut inbox) = unbounded_channel();

    for _ in 0..inflight {
        if pump.take() {
            submit_task(&pool, job, &results);
        }
    }
    while inbox.recv().await.is_some() && pump.put() {
        if pump.take() {
            submit_task(&pool, job, &results);
        }
    }
}

/// One loop, which runs on the thread that calls this.
fn run_loop(system: &str, own: &Runtime, pool: Handle, job: Job, n: usize, pump: Arc<Pump>) {
    match system {
        "tokio-multi" => run(own, pump_tasks(pool, job, n, pump)),
        _ => run(own, pump_blocking(pool, job, n, pump)),
    }
}

/// With tokio, the jobs' pool is the loop's own.
fn pump_jobs(arguments: &Arguments, job: Job) -> Arc<Pump> {
    let system = arguments.system();
    let workers = arguments.size("workers");
    let own = new_loop(system, workers);
    let task_pool = (system == "tokio-multi").then(|| new_task_pool(workers));
    let pool = task_pool.as_ref().unwrap_or(&own).handle().clone();
    let pump = Arc::new(Pump::new(arguments.get("count")));

    run_loop(
        system,
        &own,
        pool,
        job,
        arguments.size("inflight"),
        pump.clone(),
    );
    pump
}

pub fn jobs(arguments: &'static Arguments) {
    pump_jobs(arguments, EMPTY).print_rate(arguments, "jobs");
}

pub fn busy(arguments: &'static Arguments) {
    let ns = arguments.get("ns");
    let (rounds, threads) = calibrate(ns, arguments.size("workers"));
    let pump = pump_jobs(
        arguments,
        Job {
            run: spin,
            argument: rounds,
        },
    );
    let (start, end) = pump.moments();
    let possible = start.wall_ns_until(&end) * threads as f64;

    arguments.print(
        "busy_efficiency",
        100.0 * pump.count() * ns as f64 / possible,
        "%",
    );
}

/// With tokio, the jobs' pool belongs to a runtime that is there only for that. The loops
/// begin together; the time is from the first that has warmed up to the end of the last.
pub fn loops(arguments: &'static Arguments) {
    let system = arguments.system();
    let inflight = arguments.size("inflight");
    let workers = arguments.size("workers");
    let pool = match system {
        "tokio-multi" => new_task_pool(workers),
        _ => new_loop(system, workers),
    };
    let pumps: Vec<_> = (0..arguments.size("loops"))
        .map(|_| Arc::new(Pump::new(arguments.get("count"))))
        .collect();
    let together = Arc::new(Barrier::new(pumps.len()));
    let turning: Vec<_> = pumps
        .iter()
        .map(|pump| {
            let (pool, pump) = (pool.handle().clone(), pump.clone());
            let together = together.clone();

            thread::spawn(move || {
                let own = new_loop(system, 1);

                together.wait();
                run_loop(system, &own, pool, EMPTY, inflight, pump);
            })
        })
        .collect();

    for thread in turning {
        thread.join().unwrap();
    }
    let moments: Vec<_> = pumps.iter().map(|pump| pump.moments()).collect();
    let start = moments.iter().map(|(start, _)| start.wall).min();
    let end = moments.iter().map(|(_, end)| end.wall).max();
    let wall = end.expect("a loop") - start.expect("a loop");
    let count: f64 = pumps.iter().map(|pump| pump.count()).sum();

    arguments.print("loops", count / wall.as_secs_f64(), "jobs/s");
}
