//! measure - moments, memory, and work that takes its time
//!
//! The same as perf/common/measure.c, so that the figures mean the same.

use std::fmt::Display;
use std::fs;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Whatever goes wrong ends the program with 1, wherever it is; 2 is for arguments.
pub fn fail_with_1() {
    std::panic::set_hook(Box::new(|what| {
        eprintln!("bench_tokio: {what}");
        std::process::exit(1);
    }));
}

/// Ends the program with a word if it went wrong.
pub fn check<T, E: Display>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("bench_tokio: {what}: {error}");
        std::process::exit(1);
    })
}

/// A moment: the clock, and the CPU time of all threads so far.
#[derive(Clone, Copy)]
pub struct Moment {
    pub wall: Instant,
    pub cpu: Duration,
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000)
}

impl Moment {
    pub fn now() -> Moment {
        // SAFETY: a plain struct of numbers, which getrusage() fills in.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();

            if libc::getrusage(libc::RUSAGE_SELF, &mut usage) < 0 {
                panic!("getrusage: {}", std::io::Error::last_os_error());
            }
            usage
        };

        Moment {
            cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
            wall: Instant::now(),
        }
    }

    pub fn wall_ns_until(&self, end: &Moment) -> f64 {
        (end.wall - self.wall).as_nanos() as f64
    }

    pub fn cpu_ns_until(&self, end: &Moment) -> f64 {
        (end.cpu - self.cpu).as_nanos() as f64
    }
}

// ---- memory ----

/// The number behind `name` in `file`, in kB there, in bytes here.
fn read_kb(file: &str, name: &str) -> f64 {
    let text = check(fs::read_to_string(file), file);
    let kb = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse::<u64>().ok());

    kb.unwrap_or_else(|| panic!("{file} has no {name}")) as f64 * 1024.0
}

/// Resident bytes of this process.
pub fn resident() -> f64 {
    read_kb("/proc/self/smaps_rollup", "Rss:")
}

/// The most since `reset_peak`.
pub fn peak() -> f64 {
    read_kb("/proc/self/status", "VmHWM:")
}

pub fn reset_peak() {
    check(
        fs::write("/proc/self/clear_refs", "5"),
        "/proc/self/clear_refs",
    );
}

pub fn maps() -> f64 {
    let text = check(fs::read_to_string("/proc/self/maps"), "/proc/self/maps");

    text.lines().count() as f64
}

/// Threads of this process.
pub fn threads() -> usize {
    check(fs::read_dir("/proc/self/task"), "/proc/self/task").count()
}

// ---- work that takes its time ----

/// Compute: so many steps, none of which the compiler can leave out.
pub fn spin(rounds: u64) -> u64 {
    let mut x: u64 = 88172645463325252;

    for _ in 0..rounds {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        // SAFETY: no instruction at all.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) x, options(nomem, nostack)) };
    }
    x
}

const CALIBRATION_RUNS: u32 = 5;
const CALIBRATION: Duration = Duration::from_millis(20);
const THREADS_MAX: usize = 64;

/// Rounds in a ns.
fn spin_for_a_while() -> f64 {
    let start = Instant::now();
    let mut rounds = 0;

    loop {
        spin(10000);
        rounds += 10000;
        let elapsed = start.elapsed();
        if elapsed >= CALIBRATION {
            return rounds as f64 / elapsed.as_nanos() as f64;
        }
    }
}

fn count_cpus() -> usize {
    // SAFETY: a plain set of bits, which sched_getaffinity() fills in.
    let n = unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();

        if libc::sched_getaffinity(0, std::mem::size_of_val(&cpus), &mut cpus) < 0 {
            panic!("sched_getaffinity: {}", std::io::Error::last_os_error());
        }
        libc::CPU_COUNT(&cpus)
    };

    n as usize
}

/// How many rounds take `ns`, with as many threads at it as `threads`, or as there are
/// CPUs if that is less: two CPUs may be one core. And how many they were.
pub fn calibrate(ns: u64, threads: usize) -> (u64, usize) {
    let n = threads.min(count_cpus()).min(THREADS_MAX);
    let start = Arc::new(Barrier::new(n));
    let best = Arc::new(Mutex::new(0.0));
    let spinning: Vec<_> = (0..n)
        .map(|_| {
            let (start, best) = (start.clone(), best.clone());

            thread::spawn(move || {
                for _ in 0..CALIBRATION_RUNS {
                    start.wait();
                    let speed = spin_for_a_while();
                    let mut best = best.lock().unwrap();
                    *best = speed.max(*best);
                }
            })
        })
        .collect();

    for thread in spinning {
        thread.join().unwrap();
    }
    let speed: f64 = *best.lock().unwrap();

    ((speed * ns as f64) as u64 + 1, n)
}
