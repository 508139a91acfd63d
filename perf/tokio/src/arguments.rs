//! arguments - the command line of a work: KEY=VALUE...

use std::collections::HashMap;

pub struct Key {
    pub name: &'static str,
    pub otherwise: u64,
    /// Part of the parameter, which tells rows apart.
    pub label: bool,
}

pub struct Work {
    pub name: &'static str,
    pub keys: &'static [Key],
    pub variants: &'static [&'static str],
    pub run: fn(&'static Arguments),
}

pub struct Arguments {
    values: HashMap<&'static str, u64>,
    /// The variant that was asked for, if one was.
    pub variant: Option<&'static str>,
    parameter: String,
}

/// The command line is wrong.
pub fn refuse(what: &str) -> ! {
    eprintln!("bench_tokio: {what}");
    std::process::exit(2);
}

fn number(text: &str) -> u64 {
    match text.parse() {
        Ok(n) if n >= 1 && n <= i64::MAX as u64 => n,
        _ => refuse(&format!("not a number of at least 1: '{text}'")),
    }
}

impl Arguments {
    pub fn parse(work: &Work, words: &[String]) -> Arguments {
        let mut values: HashMap<_, _> = work
            .keys
            .iter()
            .map(|key| (key.name, key.otherwise))
            .collect();
        let mut variant = None;
        let mut cpus = None;

        for word in words {
            let (name, text) = word
                .split_once('=')
                .unwrap_or_else(|| refuse(&format!("not KEY=VALUE: '{word}'")));

            if let Some(value) = values.get_mut(name) {
                *value = number(text);
            } else if name == "cpus" {
                cpus = Some(number(text));
            } else if name == "variant" {
                variant = work.variants.iter().copied().find(|its| *its == text);
                if variant.is_none() {
                    refuse(&format!("this work has no variant '{text}'"));
                }
            } else {
                refuse(&format!("this work has no key '{name}'"));
            }
        }
        let mut labels: Vec<String> = work
            .keys
            .iter()
            .filter(|key| key.label)
            .map(|key| format!("{}={}", key.name, values[key.name]))
            .collect();

        labels.extend(cpus.map(|n| format!("cpus={n}")));
        if labels.is_empty() {
            labels.push("-".into());
        }
        Arguments {
            values,
            variant,
            parameter: labels.join(","),
        }
    }

    pub fn get(&self, name: &str) -> u64 {
        self.values[name]
    }

    pub fn size(&self, name: &str) -> usize {
        usize::try_from(self.values[name]).expect("a number that fits")
    }

    /// The variant that this process runs.
    pub fn system(&self) -> &'static str {
        self.variant.unwrap_or("tokio")
    }

    pub fn print(&self, name: &str, value: f64, unit: &str) {
        let digits = if value < 1000.0 { 3 } else { 0 };

        println!(
            "{name} {} {} {value:.digits$} {unit}",
            self.system(),
            self.parameter
        );
    }

    /// Lines `name`_p01 to `name`_max, in us, of times in ns.
    pub fn print_times(&self, name: &str, mut ns: Vec<u64>) {
        const POINTS: &[(&str, f64)] = &[
            ("p01", 0.01),
            ("p10", 0.10),
            ("p25", 0.25),
            ("p50", 0.50),
            ("p75", 0.75),
            ("p90", 0.90),
            ("p99", 0.99),
            ("p999", 0.999),
            ("max", 1.0),
        ];

        ns.sort_unstable();
        for (point, part) in POINTS {
            let at = (part * (ns.len() - 1) as f64 + 0.5) as usize;

            self.print(&format!("{name}_{point}"), ns[at] as f64 / 1000.0, "us");
        }
    }
}
