//! Read buffers of a lane. A connection takes one when it has something to read and gives it back when it has not: two
//! thousand idle connections hold none, and those that are busy at once hold the same few again and again, warm in the
//! cache and already initialised.

use std::cell::RefCell;

/// Free buffers that a lane keeps. A lane reads one connection at a time; more are in use only where data is stuck.
const KEPT: usize = 8;

thread_local! {
    // A connection stays on its lane, so this needs no lock.
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of `length` bytes, whose content is of no meaning.
pub(super) fn take(length: usize) -> Vec<u8> {
    let free = FREE.with_borrow_mut(|free| {
        let fits = free.iter().rposition(|buffer| buffer.len() == length)?;
        Some(free.swap_remove(fits))
    });
    free.unwrap_or_else(|| vec![0; length])
}

/// Takes a buffer back that is not needed now. One that has grown beyond `length` is freed instead.
pub(super) fn give(buffer: Vec<u8>, length: usize) {
    if buffer.len() != length || length == 0 {
        return;
    }
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_few_are_kept() {
        give(vec![7; 32], 32);
        assert_eq!(take(32), [7; 32], "the same one, not a new one");
        assert_eq!(take(32), [0; 32]);
        give(vec![7; 64], 32);
        assert_eq!(take(64), [0; 64], "one that has grown is not kept");
        for _ in 0..2 * KEPT {
            give(vec![7; 32], 32);
        }
        assert_eq!((0..2 * KEPT).filter(|_| take(32) == [7; 32]).count(), KEPT);
    }
}
