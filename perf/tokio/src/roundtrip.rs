//! roundtrip - how long one job takes, there and back
//!
//! A gap is waited for on a timerfd in the loop: tokio's own timers count whole
//! milliseconds, and a loop that slept longer than asked would be measured colder than
//! others are.

use std::io::Error;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Instant;

use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

use crate::arguments::Arguments;
use crate::measure::{check, Moment};
use crate::system::{new_loop, new_task_pool, run, submit_blocking, submit_task, EMPTY};

struct Gap {
    timer: AsyncFd<OwnedFd>,
    time: libc::itimerspec,
}

impl Gap {
    fn new(us: u64) -> Gap {
        // SAFETY: a new descriptor, which nobody else has; a struct of numbers.
        let (timer, mut time): (OwnedFd, libc::itimerspec) = unsafe {
            let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
            let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, flags);

            if fd < 0 {
                panic!("timerfd_create: {}", Error::last_os_error());
            }
            (OwnedFd::from_raw_fd(fd), std::mem::zeroed())
        };

        time.it_value.tv_sec = (us / 1_000_000) as libc::time_t;
        time.it_value.tv_nsec = (us % 1_000_000 * 1000) as libc::c_long;
        Gap {
            timer: check(AsyncFd::new(timer), "a timer in the loop"),
            time,
        }
    }

    /// Setting the timer again takes back what it had to say, so it need not be read.
    async fn wait(&self) {
        // SAFETY: the descriptor is open, the time is ours.
        let err = unsafe {
            let fd = self.timer.get_ref().as_raw_fd();

            libc::timerfd_settime(fd, 0, &self.time, std::ptr::null_mut())
        };

        if err < 0 {
            panic!("timerfd_settime: {}", Error::last_os_error());
        }
        check(self.timer.readable().await, "the timer").clear_ready();
    }
}

/// The pool with one worker, and the way back from it.
enum Way {
    Blocking(Handle),
    Tasks(Handle, UnboundedSender<u64>, UnboundedReceiver<u64>),
}

impl Way {
    async fn there_and_back(&mut self) {
        match self {
            Way::Blocking(pool) => {
                check(submit_blocking(pool, EMPTY).await, "a job");
            }
            Way::Tasks(pool, results, inbox) => {
                submit_task(pool, EMPTY, results);
                inbox.recv().await;
            }
        }
    }
}

struct Trips {
    ns: Vec<u64>,
    start: Moment,
    end: Moment,
}

async fn travel(mut way: Way, gap_us: u64, count: u64) -> Trips {
    let gap = (gap_us > 0).then(|| Gap::new(gap_us));
    let warm = count / 10 + 1;
    let mut ns = vec![0; count as usize];
    let mut start = Moment::now();

    for i in 0..warm + count {
        let began = Instant::now();

        way.there_and_back().await;
        let took = began.elapsed().as_nanos() as u64;
        if i >= warm {
            ns[(i - warm) as usize] = took;
        } else if i == warm - 1 {
            start = Moment::now();
        }
        match &gap {
            Some(gap) if i < warm + count - 1 => gap.wait().await,
            _ => (),
        }
    }
    Trips {
        ns,
        start,
        end: Moment::now(),
    }
}

pub fn roundtrip(arguments: &'static Arguments) {
    let system = arguments.system();
    let (gap_us, count) = (arguments.get("gap_us"), arguments.get("count"));
    let own = new_loop(system, 1);
    let pool = (system == "tokio-multi").then(|| new_task_pool(1));
    let way = match &pool {
        Some(pool) => {
            let (results, inbox) = unbounded_channel();

            Way::Tasks(pool.handle().clone(), results, inbox)
        }
        None => Way::Blocking(own.handle().clone()),
    };
    let trips = run(&own, travel(way, gap_us, count));
    let cpu = trips.start.cpu_ns_until(&trips.end) / count as f64;

    arguments.print_times("roundtrip", trips.ns);
    arguments.print("roundtrip_cpu", cpu / 1000.0, "us");
}
