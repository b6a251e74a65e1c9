//! Tests `bench` against adapters and programs that misbehave in many ways, in checkouts made for the test:
//! no engine, no network, no container.

mod bundle;
mod checkout;
mod commands;
mod compare;
mod conformance;
mod documents;
mod earlier;
mod evidence;
mod faults;
mod fleet;
mod gate;
mod history;
mod house;
mod language;
mod load;
mod own_program;
mod processes;
mod setup;
mod site;
