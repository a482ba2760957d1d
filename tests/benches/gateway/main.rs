//! What the children of a gateway cost: a message of one of them, a change that comes for one, the
//! announcement of one, and one that does nothing. At 1, 100 and 10,000 children, in the machine alone and
//! over loopback beside the official Python SDK.
//!
//! `cargo bench -p tb-tests --bench gateway`, or with `-- --short` only to see that it runs. The environment
//! variable `TB_PYTHON` names a Python with the SDK (`.ci/run tools` makes one); without it its rows are left
//! out. For a profiler, `-- --only CHILDREN MESSAGES` does nothing but move so many messages through the
//! machine.
//!
//! Figures of different machines or runs are not compared: the ratios of one run are.

#[path = "../cost.rs"]
mod cost;
mod loopback;
mod machine;

use std::error::Error;
use std::hint::black_box;

use cost::Costs;
use machine::{Combine, Machine};

/// How many children there are.
const CHILDREN: [usize; 3] = [1, 100, 10_000];

/// Messages that are accepted before their bytes are fetched, and acknowledged together.
const BATCH: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--only", children, messages, ..] => {
            let mut machine = Machine::announced(children.parse()?, Combine::Never);
            for _ in 0..messages.parse::<usize>()? / BATCH {
                machine.send(BATCH);
            }
            return Ok(());
        }
        ["--client", address, children, messages, ..] => {
            return loopback::client(address, children.parse()?, messages.parse()?);
        }
        _ => {}
    }
    // One short round shows that it runs; it measures nothing.
    let thorough = !arguments.contains(&"--short");
    in_the_machine(thorough);
    loopback::compare(thorough)
}

fn in_the_machine(thorough: bool) {
    let (rounds, batches) = if thorough { (9, 1_000) } else { (1, 20) };
    println!("the machine alone, best of {rounds} rounds, for each message or child");
    let costs = Costs { width: 44, rounds };
    costs.head();
    for children in CHILDREN {
        let mut machine = Machine::announced(children, Combine::Never);
        let name = format!("telemetry, {children} children");
        costs.row(&name, batches, BATCH, || machine.send(BATCH));
    }
    for children in CHILDREN {
        let mut machine = Machine::announced(children, Combine::Always);
        let name = format!("telemetry, combined, {children} children");
        costs.row(&name, batches, BATCH, || machine.send(BATCH));
    }
    for children in CHILDREN {
        let mut machine = Machine::announced(children, Combine::Never);
        let name = format!("change of a shared attribute, {children} children");
        costs.row(&name, batches, BATCH, || machine.change(BATCH));
    }
    for children in CHILDREN {
        let mut machine = Machine::announced(children, Combine::Never);
        let name = format!("announcement, {children} children");
        let batches = (batches * BATCH / children / 10).max(1);
        costs.row(&name, batches, children, || machine.reconnect());
    }
    for children in CHILDREN {
        let kept = allocation_counter::measure(|| {
            black_box(Box::leak(Box::new(Machine::announced(
                children,
                Combine::Never,
            ))));
        });
        let none = allocation_counter::measure(|| {
            black_box(Box::leak(Box::new(Machine::announced(0, Combine::Never))));
        });
        let each = (kept.bytes_current - none.bytes_current) as f64 / children as f64;
        let name = format!("memory of a child, {children} children");
        println!("{name:<44} {:>9} {:>9} {each:>9.0}", "", "");
    }
}
