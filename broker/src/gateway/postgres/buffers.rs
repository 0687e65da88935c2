//! Read buffers of a lane. A connection takes one when it has something to read and gives it back when it has not: two
//! thousand idle connections hold none, and those that are busy at once hold the same few again and again, warm in the
//! cache. A buffer comes back clean: the next connection is another session's.

use std::cell::RefCell;

/// Free buffers that a lane keeps. A lane reads one connection at a time; more are in use only where data is stuck.
const KEPT: usize = 8;

thread_local! {
    // A connection stays on its lane, so this needs no lock.
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of `length` bytes, all zero.
pub(super) fn take(length: usize) -> Vec<u8> {
    let free = FREE.with_borrow_mut(|free| {
        let fits = free.iter().rposition(|buffer| buffer.len() == length)?;
        Some(free.swap_remove(fits))
    });
    free.unwrap_or_else(|| vec![0; length])
}

/// Takes a buffer back that is not needed now and of which the first `used` bytes may hold something. One that has
/// grown beyond `length` is freed instead.
pub(super) fn give(mut buffer: Vec<u8>, length: usize, used: usize) {
    if buffer.len() != length || length == 0 {
        return;
    }
    buffer.iter_mut().take(used).for_each(|b| *b = 0);
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
    fn a_buffer_is_used_again_clean_and_few_are_kept() {
        let place = |buffer: &Vec<u8>| buffer.as_ptr() as usize;
        let first = vec![7; 32];
        let at = place(&first);
        give(first, 32, 32);
        let again = take(32);
        assert_eq!((place(&again), again), (at, vec![0; 32]), "the same one, not a new one");
        give(vec![7; 64], 32, 64);
        assert_eq!(FREE.with_borrow(Vec::len), 0, "one that has grown is not kept");
        for _ in 0..2 * KEPT {
            give(vec![7; 32], 32, 32);
        }
        assert_eq!(FREE.with_borrow(Vec::len), KEPT);
    }
}
