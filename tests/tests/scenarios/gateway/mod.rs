//! A gateway and its children.

mod announcing;
mod both_ways;
mod keeping;
mod rig;
