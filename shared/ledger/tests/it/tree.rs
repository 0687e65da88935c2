//! The tree against the published vectors of certificate-transparency, and its proofs by property.

use hoop_ledger::tree::{
    Hash, Range, consistency_proof, empty_root, inclusion_proof, leaf_hash, root, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;

const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn hash(text: &str) -> Hash {
    hex(text).try_into().unwrap()
}

fn leaves() -> Vec<Hash> {
    LEAVES.iter().map(|l| leaf_hash(&hex(l))).collect()
}

#[test]
fn roots_match_the_published_vectors() {
    assert_eq!(empty_root(), hash(ROOTS[0]));
    let mut range = Range::new();
    assert_eq!(range.root(), hash(ROOTS[0]));
    for (leaf, expected) in leaves().into_iter().zip(&ROOTS[1..]) {
        range.push(leaf);
        assert_eq!(range.root(), hash(expected), "at {} leaves", range.size());
    }
}

#[test]
fn proofs_match_the_published_vectors() {
    let path = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    .map(hash);
    assert_eq!(inclusion_proof(&leaves(), 0).unwrap(), path);
    assert_eq!(consistency_proof(&leaves(), 1).unwrap(), path);
    let six = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    .map(hash);
    assert_eq!(consistency_proof(&leaves(), 6).unwrap(), six);
    let two = [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]
    .map(hash);
    assert_eq!(consistency_proof(&leaves()[..5], 2).unwrap(), two);
}

#[test]
fn nothing_is_proved_of_nothing() {
    assert_eq!(inclusion_proof(&[], 0), None);
    assert_eq!(consistency_proof(&leaves(), 0), None);
    assert_eq!(consistency_proof(&leaves(), 9), None);
    assert!(!verify_inclusion(&[0; 32], 0, 0, &[], &empty_root()));
    assert!(!verify_consistency(0, &empty_root(), 8, &hash(ROOTS[8]), &[]));
    assert!(Range::from_parts(3, vec![[0; 32]]).is_none());
}

fn many(n: usize) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inclusion_holds_for_the_leaf_and_its_place_only(n in 1_usize..130, index in 0_usize..130, flip in 0_usize..8) {
        prop_assume!(index < n);
        let leaves = many(n);
        let top = root(&leaves);
        let path = inclusion_proof(&leaves, index).unwrap();
        let (at, size) = (index as u64, n as u64);
        prop_assert!(verify_inclusion(&leaves[index], at, size, &path, &top));
        prop_assert!(!verify_inclusion(&leaf_hash(b"other"), at, size, &path, &top));
        for wrong in (0..size).filter(|w| *w != at) {
            prop_assert!(!verify_inclusion(&leaves[index], wrong, size, &path, &top));
        }
        if !path.is_empty() {
            let mut bad = path.clone();
            bad[flip % path.len()][0] ^= 1;
            prop_assert!(!verify_inclusion(&leaves[index], at, size, &bad, &top));
            prop_assert!(!verify_inclusion(&leaves[index], at, size, &path[1..], &top));
        }
        let mut long = path.clone();
        long.push([0; 32]);
        prop_assert!(!verify_inclusion(&leaves[index], at, size, &long, &top));
    }

    #[test]
    fn consistency_holds_for_prefixes_only(n in 1_usize..130, old in 1_usize..130, flip in 0_usize..8) {
        prop_assume!(old <= n);
        let leaves = many(n);
        let (before, after) = (root(&leaves[..old]), root(&leaves));
        let path = consistency_proof(&leaves, old).unwrap();
        let (m, size) = (old as u64, n as u64);
        prop_assert!(verify_consistency(m, &before, size, &after, &path));
        prop_assert!(!verify_consistency(m, &leaf_hash(b"other"), size, &after, &path));
        prop_assert!(!verify_consistency(m, &before, size, &leaf_hash(b"other"), &path));
        if !path.is_empty() {
            let mut bad = path.clone();
            bad[flip % path.len()][0] ^= 1;
            prop_assert!(!verify_consistency(m, &before, size, &after, &bad));
            prop_assert!(!verify_consistency(m, &before, size, &after, &path[1..]));
        }
        let mut long = path.clone();
        long.push([0; 32]);
        prop_assert!(!verify_consistency(m, &before, size, &after, &long));
    }

    #[test]
    fn a_range_goes_on_from_its_peaks(n in 0_usize..200, more in 0_usize..50) {
        let leaves = many(n + more);
        let mut range = Range::new();
        leaves[..n].iter().for_each(|l| range.push(*l));
        let mut again = Range::from_parts(range.size(), range.peaks().to_vec()).unwrap();
        leaves[n..].iter().for_each(|l| again.push(*l));
        prop_assert_eq!(again.root(), root(&leaves));
    }
}
