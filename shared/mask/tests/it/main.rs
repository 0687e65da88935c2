//! Card numbers are found and masked, types and lengths stay, and everyday values pass.

mod benign;
mod brands;
mod classified;
mod copy;
mod fields;
mod properties;
mod rows;
mod text;
