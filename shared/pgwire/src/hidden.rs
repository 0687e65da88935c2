//! How wire data shows itself in `Debug`: by its size.

use std::fmt;

/// Stands for `n` bytes that must not be printed.
pub(crate) struct Hidden(pub usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0)
    }
}

/// `Debug` of a struct in which the fields after `;` are shown by their size in bytes only.
macro_rules! hidden_debug {
    ($name:ident { $($shown:ident),* ; $($hidden:ident),* }) => {
        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($shown), &self.$shown))*
                    $(.field(stringify!($hidden), &$crate::hidden::Hidden(self.$hidden.len())))*
                    .finish()
            }
        }
    };
}
pub(crate) use hidden_debug;
