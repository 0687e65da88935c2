//! The broker as its user meets it: the real binary and the public surface.

mod broker;
mod command_check;
mod command_init;
mod command_user;
mod config_parse;
