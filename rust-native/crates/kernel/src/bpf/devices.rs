//! Which devices the processes of a group may open and make, on cgroup v2 (`BPF_PROG_TYPE_CGROUP_DEVICE`), which has no files for it.

use std::os::fd::BorrowedFd;

use super::assembler::Condition::{Equal, NotEqual};
use super::assembler::Operation::{And, Move, ShiftRight};
use super::assembler::Register::{R0, R1, R2, R3, R4, R5, R6};
use super::assembler::Size::Word;
use super::assembler::{Assembler, Instruction, Label, Register};
use super::system::{Kind, Program};
use crate::{Failure, Result};

/// Making a node, as the kernel numbers it (`BPF_DEVCG_ACC_MKNOD`).
pub const MAKE: u8 = 1;
/// Opening to read.
pub const READ: u8 = 2;
/// Opening to write.
pub const WRITE: u8 = 4;

/// The type of a device, as the kernel numbers it (`BPF_DEVCG_DEV_BLOCK`, `BPF_DEVCG_DEV_CHAR`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Type {
    Block = 1,
    Character = 2,
}

/// What is allowed or denied. Each field that is `None` fits everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Rule {
    pub allow: bool,
    pub kind: Option<Type>,
    pub major: Option<u32>,
    pub minor: Option<u32>,
    /// Some of `MAKE`, `READ` and `WRITE`.
    pub access: u8,
}

/// The program of one group.
#[derive(Debug)]
pub struct DeviceFilter(Program);

impl DeviceFilter {
    /// Loads the program; nothing is denied yet. Needs CAP_BPF and, before Linux 6.9, CAP_NET_ADMIN or CAP_SYS_ADMIN.
    pub fn load(rules: &[Rule]) -> Result<Self> {
        Program::load(Kind::Device, &filter(rules)?).map(Self)
    }

    /// The program that decides for a group already, whichever process has attached it.
    pub fn attached(group: BorrowedFd<'_>) -> Result<Option<Self>> {
        Ok(Program::attached(Kind::Device, group)?.map(Self))
    }

    /// Holds for a group of the v2 hierarchy and those below it, until it is removed.
    pub fn attach(&self, group: BorrowedFd<'_>) -> Result<()> {
        self.0.attach(group)
    }

    /// Takes the place of another one.
    pub fn replace(&self, other: &Self, group: BorrowedFd<'_>) -> Result<()> {
        self.0.replace(&other.0, group)
    }
}

/// For each kind of access that is asked for the last rule that fits decides; one that fits no rule is left to the groups above. The rules are asked
/// from the last to the first, and what they allow is taken from what is asked for, until nothing is left or something is denied.
fn filter(rules: &[Rule]) -> Result<Vec<Instruction>> {
    let mut it = Assembler::default();
    // `struct bpf_cgroup_dev_ctx`: access in the upper half of the first word, type in the lower, then major and minor.
    it.load(Word, R2, R1, 0);
    it.load(Word, R4, R1, 4);
    it.load(Word, R5, R1, 8);
    it.apply(Move, R3, R2);
    it.apply_value(ShiftRight, R3, 16);
    it.apply_value(And, R2, 0xffff);
    for rule in rules.iter().rev() {
        let next = it.label();
        if let Some(kind) = rule.kind {
            it.jump_if_value(NotEqual, R2, i32::from(kind as u8), next);
        }
        unless(&mut it, R4, rule.major, next);
        unless(&mut it, R5, rule.minor, next);
        let whole = rule.access == MAKE | READ | WRITE;
        if !whole && rule.allow {
            it.apply_value(And, R3, i32::from(!rule.access & (MAKE | READ | WRITE)));
            it.jump_if_value(NotEqual, R3, 0, next);
        } else if !whole {
            it.apply(Move, R6, R3);
            it.apply_value(And, R6, i32::from(rule.access));
            it.jump_if_value(Equal, R6, 0, next);
        }
        it.apply_value(Move, R0, i32::from(rule.allow));
        it.exit();
        it.place(next);
        // The kernel takes no program with instructions that nothing leads to.
        if whole && rule.kind.is_none() && rule.major.is_none() && rule.minor.is_none() {
            return finished(it);
        }
    }
    it.apply_value(Move, R0, 1);
    it.exit();
    finished(it)
}

/// Goes to `next` where the register has another number.
fn unless(it: &mut Assembler, register: Register, number: Option<u32>, next: Label) {
    if let Some(number) = number {
        // An immediate of a jump is extended by its sign.
        it.set(R6, u64::from(number));
        it.jump_if(NotEqual, register, R6, next);
    }
}

fn finished(assembler: Assembler) -> Result<Vec<Instruction>> {
    assembler
        .finish()
        .map_err(|at| Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("there are too many rules of devices: jump {at} is too far")))
}

#[cfg(test)]
mod tests {
    use super::super::assembler::interpret;
    use super::*;

    const ALL: u8 = MAKE | READ | WRITE;

    fn allows(rules: &[Rule], kind: Type, major: u32, minor: u32, access: u8) -> bool {
        let program = filter(rules).unwrap();
        interpret(&program, &[u32::from(access) << 16 | kind as u32, major, minor]) == 1
    }

    fn rule(allow: bool, kind: Option<Type>, major: Option<u32>, minor: Option<u32>, access: u8) -> Rule {
        Rule { allow, kind, major, minor, access }
    }

    /// The rules as the documentation says it, one kind of access after another.
    fn model(rules: &[Rule], kind: Type, major: u32, minor: u32, access: u8) -> bool {
        [MAKE, READ, WRITE].into_iter().filter(|bit| access & bit != 0).all(|bit| {
            rules
                .iter()
                .rev()
                .find(|rule| {
                    rule.kind.is_none_or(|it| it == kind)
                        && rule.major.is_none_or(|it| it == major)
                        && rule.minor.is_none_or(|it| it == minor)
                        && rule.access & bit != 0
                })
                .is_none_or(|rule| rule.allow)
        })
    }

    #[test]
    fn the_usual_list_denies_all_and_allows_some() {
        let rules = [
            rule(false, None, None, None, ALL),
            rule(true, Some(Type::Character), Some(1), Some(3), ALL),
            rule(true, Some(Type::Block), None, None, MAKE),
        ];
        assert!(allows(&rules, Type::Character, 1, 3, READ | WRITE));
        assert!(!allows(&rules, Type::Character, 1, 5, READ));
        assert!(!allows(&rules, Type::Block, 1, 3, READ));
        assert!(allows(&rules, Type::Block, 8, 0, MAKE));
        assert!(!allows(&rules, Type::Block, 8, 0, MAKE | READ));
    }

    #[test]
    fn a_later_rule_takes_back_what_an_earlier_one_gave() {
        let rules = [rule(true, None, None, None, ALL), rule(false, Some(Type::Character), Some(1), None, WRITE)];
        assert!(allows(&rules, Type::Character, 1, 3, READ));
        assert!(!allows(&rules, Type::Character, 1, 3, READ | WRITE));
        assert!(allows(&rules, Type::Character, 2, 3, READ | WRITE));
    }

    #[test]
    fn without_rules_everything_is_left_to_the_groups_above() {
        assert!(allows(&[], Type::Block, 8, 0, ALL));
    }

    #[test]
    fn the_largest_number_is_a_number() {
        let rules = [rule(false, Some(Type::Block), Some(u32::MAX), Some(1 << 31), ALL)];
        assert!(!allows(&rules, Type::Block, u32::MAX, 1 << 31, READ));
        assert!(allows(&rules, Type::Block, u32::MAX, 0, READ));
    }

    #[test]
    fn any_list_decides_as_the_model_does() {
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..2000 {
            let rules: Vec<Rule> = (0..random(6))
                .map(|_| Rule {
                    allow: random(2) == 1,
                    kind: [None, Some(Type::Block), Some(Type::Character)][usize::try_from(random(3)).unwrap()],
                    major: u32::try_from(random(3)).ok().filter(|it| *it > 0),
                    minor: u32::try_from(random(3)).ok().filter(|it| *it > 0),
                    access: u8::try_from(random(7) + 1).unwrap(),
                })
                .collect();
            for kind in [Type::Block, Type::Character] {
                for (major, minor, access) in (1..3).flat_map(|a| (1..3).flat_map(move |b| (1..8).map(move |c| (a, b, c)))) {
                    let expected = model(&rules, kind, major, minor, access);
                    assert_eq!(allows(&rules, kind, major, minor, access), expected, "{rules:?} {kind:?} {major}:{minor} {access}");
                }
            }
        }
    }
}
