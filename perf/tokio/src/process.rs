//! process - each variant of a work in a process of its own

use std::os::unix::process::CommandExt;
use std::process::{exit, Command};

use crate::arguments::{Arguments, Work};
use crate::measure::check;

/// Does the work in this process if it has but one variant or one was asked for.
pub fn run(work: &Work, words: &[String]) {
    // For good: tasks have to be able to outlive who starts them.
    let arguments: &'static Arguments = Box::leak(Box::new(Arguments::parse(work, words)));

    if arguments.variant.is_some() || work.variants.len() == 1 {
        return (work.run)(arguments);
    }
    let failed = work
        .variants
        .iter()
        .filter(|variant| !run_variant(work, words, variant))
        .count();

    if failed > 0 {
        exit(1);
    }
}

fn run_variant(work: &Work, words: &[String], variant: &str) -> bool {
    let program = check(std::env::current_exe(), "the program's own path");
    let mut command = Command::new(program);

    command
        .arg(work.name)
        .args(words)
        .arg(format!("variant={variant}"));
    // SAFETY: prctl() is a system call, and allowed between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    let status = check(command.status(), "starting a process");

    if !status.success() {
        eprintln!("bench_tokio: {} {variant}: {status}", work.name);
    }
    status.success()
}
