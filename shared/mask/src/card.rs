//! What a card number is: brand ranges and lengths (ISO/IEC 7812 issuer ranges as the schemes publish them) and the
//! Luhn check digit (ISO/IEC 7812-1 annex B).

/// A card scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are the schemes' own names")]
pub enum Brand {
    Amex,
    Diners,
    Discover,
    Jcb,
    Maestro,
    Mastercard,
    Mir,
    RuPay,
    Troy,
    UnionPay,
    Verve,
    Visa,
}

/// A range of leading digits and the lengths that its cards have.
struct Range {
    brand: Brand,
    /// How many leading digits `low..=high` speaks of.
    width: usize,
    low: u32,
    high: u32,
    /// Lengths that are a card number wherever they stand.
    lengths: &'static [usize],
    /// Lengths that collide with everyday numbers (EAN-13, retrieval reference numbers, phone numbers): these are a
    /// card number only beside a word that says so.
    context_lengths: &'static [usize],
    /// Numbers without a valid check digit are issued too; believed only in context.
    context_without_luhn: bool,
}

const fn range(
    brand: Brand,
    width: usize,
    low: u32,
    high: u32,
    lengths: &'static [usize],
    context_lengths: &'static [usize],
) -> Range {
    let context_without_luhn = matches!(brand, Brand::UnionPay);
    Range { brand, width, low, high, lengths, context_lengths, context_without_luhn }
}

const SIXTEEN: &[usize] = &[16];
const LONG: &[usize] = &[16, 17, 18, 19];
const MAESTRO: &[usize] = &[15, 16, 17, 18, 19];
const MAESTRO_CONTEXT: &[usize] = &[12, 13, 14];
const DINERS: &[usize] = &[14, 15, 16, 17, 18, 19];

/// The narrower range stands before the wider one that holds it.
const RANGES: &[Range] = &[
    range(Brand::Visa, 1, 4, 4, &[16, 19], &[13]),
    range(Brand::Mastercard, 2, 51, 55, SIXTEEN, &[]),
    range(Brand::Mastercard, 4, 2221, 2720, SIXTEEN, &[]),
    range(Brand::Mir, 4, 2200, 2204, LONG, &[]),
    range(Brand::Amex, 2, 34, 34, &[15], &[]),
    range(Brand::Amex, 2, 37, 37, &[15], &[]),
    range(Brand::Diners, 3, 300, 305, DINERS, &[]),
    range(Brand::Diners, 4, 3095, 3095, DINERS, &[]),
    range(Brand::Diners, 2, 36, 36, DINERS, &[]),
    range(Brand::Diners, 2, 38, 39, DINERS, &[]),
    range(Brand::Jcb, 4, 3528, 3589, LONG, &[]),
    range(Brand::RuPay, 3, 353, 353, SIXTEEN, &[]),
    range(Brand::RuPay, 3, 356, 356, SIXTEEN, &[]),
    range(Brand::Verve, 6, 506_099, 506_198, LONG, &[]),
    range(Brand::Discover, 4, 6011, 6011, LONG, &[]),
    range(Brand::Discover, 3, 644, 649, LONG, &[]),
    range(Brand::Discover, 2, 65, 65, LONG, &[]),
    range(Brand::UnionPay, 2, 62, 62, LONG, &[]),
    range(Brand::UnionPay, 2, 81, 81, LONG, &[]),
    range(Brand::RuPay, 3, 508, 508, SIXTEEN, &[]),
    range(Brand::RuPay, 2, 60, 60, SIXTEEN, &[]),
    range(Brand::RuPay, 2, 82, 82, SIXTEEN, &[]),
    range(Brand::Troy, 4, 9792, 9792, SIXTEEN, &[]),
    range(Brand::Maestro, 2, 50, 50, MAESTRO, MAESTRO_CONTEXT),
    range(Brand::Maestro, 2, 56, 58, MAESTRO, MAESTRO_CONTEXT),
    range(Brand::Maestro, 2, 63, 63, MAESTRO, MAESTRO_CONTEXT),
    range(Brand::Maestro, 2, 67, 67, MAESTRO, MAESTRO_CONTEXT),
];

/// The shortest and the longest card number, in digits.
pub(crate) const MIN_DIGITS: usize = 12;
/// See [`MIN_DIGITS`].
pub(crate) const MAX_DIGITS: usize = 19;

/// The brand of a card number given as ASCII digits, nothing else; `None` when it is none. Length, brand range and
/// check digit must all agree; lengths that everyday numbers have too need [`is_card_number_in_context`].
pub fn is_card_number(digits: &[u8]) -> Option<Brand> {
    brand(digits, false)
}

/// Like [`is_card_number`], for a number that stands beside a word such as "card", or in a column known to hold card
/// numbers: also 13-digit Visa, 12- to 14-digit Maestro, and UnionPay without a check digit.
pub fn is_card_number_in_context(digits: &[u8]) -> Option<Brand> {
    brand(digits, true)
}

fn brand(digits: &[u8], context: bool) -> Option<Brand> {
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let check = luhn(digits);
    RANGES
        .iter()
        .find(|range| {
            let lead = digits.iter().take(range.width).fold(0, |n, d| n * 10 + u32::from(d - b'0'));
            let long_enough = range.lengths.contains(&digits.len())
                || context && range.context_lengths.contains(&digits.len());
            (range.low..=range.high).contains(&lead)
                && long_enough
                && (check || context && range.context_without_luhn)
        })
        .map(|range| range.brand)
}

/// Whether the check digit of ASCII `digits` is right. Any single changed digit makes it wrong.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0u32;
    for (place, digit) in digits.iter().rev().enumerate() {
        let value = u32::from(digit.wrapping_sub(b'0'));
        sum += match place % 2 {
            0 => value,
            _ if value > 4 => value * 2 - 9,
            _ => value * 2,
        };
    }
    sum.is_multiple_of(10)
}

/// Which digits of a card number of `n` digits are hidden: all but the first six and last four, or all but the last
/// four of one of up to 14 digits, where ten would leave too few to guess (PCI DSS 3.4.1 and the BIN table's lengths).
pub(crate) fn hidden(n: usize) -> std::ops::Range<usize> {
    let head = if n > 14 { 6 } else { 0 };
    head..n.saturating_sub(4).max(head)
}

/// Hides a card number among the ASCII digits of a number that must stay one: zeros in the middle and in the tail, never
/// a card number again, and never a leading zero (JSON forbids it). Digits from `stored` on cannot be changed: they are
/// zeros that a binary numeric leaves out. `find` is how the card number was found.
pub(crate) fn zero_in_run(run: &mut [u8], hit: Hit, stored: usize, find: impl Fn(&[u8]) -> Option<Hit>) {
    let zero = |run: &mut [u8], hit: Hit| {
        zero_hit(run, hit);
        if luhn(run.get(hit.start..hit.end).unwrap_or_default()) {
            spoil(run, hit, stored);
        }
    };
    zero(run, hit);
    // What is left may look like another card number: with the tail, or at the other end of a long run. Of the ten
    // values of one hidden digit at most one makes each of these right.
    for _ in 0..6 {
        match find(run) {
            Some(next) if next.start == hit.start => spoil(run, hit, stored),
            Some(next) => zero(run, next),
            None => return,
        }
    }
}

/// Changes a hidden digit, where the value stores any: a single changed digit breaks a valid check digit.
fn spoil(run: &mut [u8], hit: Hit, stored: usize) {
    let hidden_from = hit.start + hidden(hit.end - hit.start).start;
    if let Some(digit) = run.get_mut(hidden_from.min(stored.saturating_sub(1))) {
        *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
    }
}

fn zero_hit(run: &mut [u8], hit: Hit) {
    let (card, tail) = match run.split_at_mut_checked(hit.end) {
        Some((head, tail)) => (head.get_mut(hit.start..).unwrap_or_default(), tail),
        None => return,
    };
    let range = hidden(card.len());
    let first = range.start;
    if let Some(digits) = card.get_mut(range) {
        digits.fill(b'0');
    }
    if hit.tail {
        tail.fill(b'0');
    }
    if first == 0 {
        // No brand starts with 1.
        if let Some(digit) = card.first_mut() {
            *digit = b'1';
        }
    }
}

/// A card number inside one unbroken run of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The first digit of the card number.
    pub start: usize,
    /// One past its last digit.
    pub end: usize,
    /// Digits follow in the same run: expiry, service code or CVV, to be hidden with it.
    pub tail: bool,
}

/// Looks for a card number in one unbroken run of ASCII digits.
///
/// A run of 12 to 19 digits is taken whole (leading zeros aside). One of 19 digits may also be a number with its CVV
/// behind it, and one of 20 or more may begin or end with a card number: those two places alone are tried, because
/// each further place tried would alter another 4 % of tracking numbers, barcodes and hashes. Runs of 17 and 18 digits
/// are tried whole only: Chinese identity numbers and timestamps in nanoseconds have such lengths.
/// `context` answers whether a word nearby speaks of cards; it is asked last.
pub(crate) fn find_in_run(digits: &[u8], context: impl Fn() -> bool) -> Option<Hit> {
    let n = digits.len();
    if n >= MAX_DIGITS
        && let Some(end) = [16, 15].into_iter().find(|&end| starts_as_card(digits, end))
    {
        return Some(Hit { start: 0, end, tail: true });
    }
    let zeros = digits.iter().take_while(|&&d| d == b'0').count();
    let number = digits.get(zeros..)?;
    if is_card_number(number).is_some() || is_card_number_in_context(number).is_some() && context() {
        return Some(Hit { start: zeros, end: n, tail: false });
    }
    if n > MAX_DIGITS {
        return find_at_end(digits);
    }
    None
}

/// Whether the first `length` digits are a card number.
pub(crate) fn starts_as_card(digits: &[u8], length: usize) -> bool {
    digits.get(..length).and_then(is_card_number).is_some()
}

/// A card number of 16 or 15 digits that ends a run longer than any card number.
pub(crate) fn find_at_end(digits: &[u8]) -> Option<Hit> {
    let n = digits.len();
    let start = [16, 15]
        .into_iter()
        .filter_map(|length| n.checked_sub(length))
        .find(|&start| digits.get(start..).and_then(is_card_number).is_some())?;
    Some(Hit { start, end: n, tail: false })
}
