//! contexts - jobs of one context run strictly one after another, in order
//!
//! tokio          No affinity. Each context has tokio's own mutex, which is fair: who
//!                waits first has it first. Whoever has it awaits a blocking job; two
//!                threads run those of all contexts.
//! tokio-multi    No affinity. Each context is a task that receives functions, one after
//!                another (an actor, as tokio's users call it), in a second runtime
//!                with two threads. For functions that do not block for long.
//! tokio-threads  Affinity. Each context is a thread that receives functions.
//!
//! The last two tell the loop of each result through one channel.

use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::sync::Mutex;

use crate::arguments::Arguments;
use crate::jobs::Pump;
use crate::measure::check;
use crate::system::{new_loop, new_task_pool, run, submit_blocking, Job, EMPTY};

const THREADS: usize = 2;

/// In a context, or from it: whose it is, and what is to be done or what came of it.
struct Order {
    context: usize,
    job: Job,
}

struct Answer {
    context: usize,
    _result: u64,
}

type Orders = UnboundedReceiver<Order>;
type Answers = UnboundedSender<Answer>;

fn obey(order: Order, answers: &Answers) {
    let _result = (order.job.run)(order.job.argument);
    let answer = Answer {
        context: order.context,
        _result,
    };

    // The loop may have all that it waited for.
    answers.send(answer).ok();
}

async fn be_a_task(mut orders: Orders, answers: Answers) {
    while let Some(order) = orders.recv().await {
        obey(order, &answers);
    }
}

fn be_a_thread(mut orders: Orders, answers: Answers) {
    while let Some(order) = orders.blocking_recv() {
        obey(order, &answers);
    }
}

/// As many in flight as asked for, spread evenly, at least one in each.
fn share(inflight: usize, contexts: usize, context: usize) -> usize {
    let rest = usize::from(context < inflight % contexts);

    (inflight / contexts + rest).max(1)
}

/// The loop's side of contexts that receive.
async fn pump_orders(
    contexts: Vec<UnboundedSender<Order>>,
    mut inbox: UnboundedReceiver<Answer>,
    inflight: usize,
    pump: Arc<Pump>,
) {
    let start = |context: usize| {
        if pump.take() {
            let order = Order {
                context,
                job: EMPTY,
            };

            check(contexts[context].send(order), "a context's channel");
        }
    };

    for context in 0..contexts.len() {
        for _ in 0..share(inflight, contexts.len(), context) {
            start(context);
        }
    }
    while let Some(answer) = inbox.recv().await {
        if !pump.put() {
            break;
        }
        start(answer.context);
    }
}

async fn pump_locks(contexts: usize, inflight: usize, pump: Arc<Pump>) {
    let pool = tokio::runtime::Handle::current();
    let mut tasks = Vec::new();

    for context in 0..contexts {
        let lock = Arc::new(Mutex::new(()));

        for _ in 0..share(inflight, contexts, context) {
            let (lock, pump, pool) = (lock.clone(), pump.clone(), pool.clone());

            tasks.push(tokio::spawn(async move {
                while pump.take() {
                    let _held = lock.lock().await;

                    check(submit_blocking(&pool, EMPTY).await, "a job");
                    pump.put();
                }
            }));
        }
    }
    for task in tasks {
        check(task.await, "a task");
    }
}

pub fn contexts(arguments: &'static Arguments) {
    let system = arguments.system();
    let (n, inflight) = (arguments.size("contexts"), arguments.size("inflight"));
    let pump = Arc::new(Pump::new(arguments.get("count")));
    let own = new_loop(system, THREADS);
    let (answers, inbox) = unbounded_channel();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..n).map(|_| unbounded_channel()).unzip();

    match system {
        "tokio-multi" => {
            let pool = new_task_pool(THREADS);

            for orders in receivers {
                pool.spawn(be_a_task(orders, answers.clone()));
            }
            run(&own, pump_orders(senders, inbox, inflight, pump.clone()));
        }
        "tokio-threads" => {
            for orders in receivers {
                let answers = answers.clone();
                let thread = thread::Builder::new().spawn(|| be_a_thread(orders, answers));

                check(thread, "a thread for each context");
            }
            run(&own, pump_orders(senders, inbox, inflight, pump.clone()));
        }
        _ => run(&own, pump_locks(n, inflight, pump.clone())),
    }
    pump.print_rate(arguments, "contexts");
}
