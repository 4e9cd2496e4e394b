//! Tests against running daemons, which `tests/clients/run` starts: see there for the variables that tell of them.

mod access;
mod calls;
mod conformance;
mod faults;
mod hostile;
mod readme;
mod scripted;
mod support;
