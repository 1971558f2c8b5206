//! An assembler for the few instructions that our programs use (Linux, Documentation/bpf/standardization/instruction-set.rst).

use std::os::fd::{AsRawFd, BorrowedFd};

/// One of the eleven registers: R0 results, R1–R5 arguments, R6–R9 kept over calls, R10 the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

/// The size of a load or a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Size {
    /// Four bytes.
    Word = 0x00,
    /// Eight bytes.
    Double = 0x18,
}

/// Arithmetic on 64 bits, unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// `dst += src`
    Add = 0x00,
    /// `dst -= src`
    Subtract = 0x10,
    /// `dst *= src`
    Multiply = 0x20,
    /// `dst /= src`; by 0 is 0.
    Divide = 0x30,
    /// `dst &= src`
    And = 0x50,
    /// `dst >>= src`
    ShiftRight = 0x70,
    /// `dst = src`
    Move = 0xb0,
}

/// When a jump is taken, compared on 64 bits, unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Condition {
    /// `dst == src`
    Equal = 0x10,
    /// `dst > src`
    Above = 0x20,
    /// `dst >= src`
    AtLeast = 0x30,
    /// `dst != src`
    NotEqual = 0x50,
}

/// A place in the program that is jumped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label(usize);

/// One instruction as the kernel reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    code: u8,
    /// Low four bits the destination, high four the source, on little-endian machines.
    registers: u8,
    offset: i16,
    immediate: i32,
}

const FROM_REGISTER: u8 = 0x08;
const ALU64: u8 = 0x07;
const JUMP: u8 = 0x05;
const LOAD_IMMEDIATE_64: u8 = 0x18;
const PSEUDO_MAP_VALUE: u8 = 2;

/// A program that grows instruction by instruction.
#[derive(Debug, Default)]
pub struct Assembler {
    instructions: Vec<Instruction>,
    /// Where each label is.
    labels: Vec<Option<usize>>,
    /// Jumps whose distance isn't known yet.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that is placed later.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The next instruction is where `label` leads.
    pub fn place(&mut self, label: Label) {
        let here = self.instructions.len();
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(here);
        }
    }

    /// `dst = *(size *)(src + offset)`
    pub fn load(&mut self, size: Size, dst: Register, src: Register, offset: i16) {
        self.push(0x61 | size as u8, dst, src as u8, offset, 0);
    }

    /// `*(size *)(dst + offset) = src`
    pub fn store(&mut self, size: Size, dst: Register, offset: i16, src: Register) {
        self.push(0x63 | size as u8, dst, src as u8, offset, 0);
    }

    /// `dst = dst operation src`
    pub fn apply(&mut self, operation: Operation, dst: Register, src: Register) {
        self.push(ALU64 | FROM_REGISTER | operation as u8, dst, src as u8, 0, 0);
    }

    /// `dst = dst operation value`
    pub fn apply_value(&mut self, operation: Operation, dst: Register, value: i32) {
        self.push(ALU64 | operation as u8, dst, 0, 0, value);
    }

    /// `dst = value`, of 64 bits.
    pub fn set(&mut self, dst: Register, value: u64) {
        let [low, high] = halves(value);
        self.push(LOAD_IMMEDIATE_64, dst, 0, 0, low);
        self.push(0, Register::R0, 0, 0, high);
    }

    /// `dst` points `offset` bytes into the only value of an array map.
    pub fn point_into(&mut self, dst: Register, map: BorrowedFd<'_>, offset: i32) {
        self.push(LOAD_IMMEDIATE_64, dst, PSEUDO_MAP_VALUE, 0, map.as_raw_fd());
        self.push(0, Register::R0, 0, 0, offset);
    }

    /// `*(u64 *)(dst + offset) += src`, atomically.
    pub fn atomic_add(&mut self, dst: Register, offset: i16, src: Register) {
        self.push(0xdb, dst, src as u8, offset, 0x00);
    }

    /// If `*(u64 *)(dst + offset)` is R0 it becomes `src`, atomically; R0 becomes what was there (Linux 5.12).
    pub fn compare_exchange(&mut self, dst: Register, offset: i16, src: Register) {
        self.push(0xdb, dst, src as u8, offset, 0xf1);
    }

    /// Goes to `label`.
    pub fn jump(&mut self, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.push(JUMP, Register::R0, 0, 0, 0);
    }

    /// Goes to `label` if `dst condition src`.
    pub fn jump_if(&mut self, condition: Condition, dst: Register, src: Register, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.push(JUMP | FROM_REGISTER | condition as u8, dst, src as u8, 0, 0);
    }

    /// Goes to `label` if `dst condition value`.
    pub fn jump_if_value(&mut self, condition: Condition, dst: Register, value: i32, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.push(JUMP | condition as u8, dst, 0, 0, value);
    }

    /// Calls a helper of the kernel by its number (bpf-helpers(7)).
    pub fn call(&mut self, helper: i32) {
        self.push(0x85, Register::R0, 0, 0, helper);
    }

    /// Ends the program with R0.
    pub fn exit(&mut self) {
        self.push(0x95, Register::R0, 0, 0, 0);
    }

    /// The whole program. Fails with the number of a jump whose label was never placed, or is too far away.
    pub fn finish(mut self) -> Result<Vec<Instruction>, usize> {
        for (at, label) in &self.jumps {
            let target = self.labels.get(label.0).copied().flatten().ok_or(*at)?;
            let distance = i64::try_from(target).ok().zip(i64::try_from(*at).ok()).map(|(target, at)| target - at - 1);
            let offset = distance.and_then(|distance| i16::try_from(distance).ok()).ok_or(*at)?;
            self.instructions.get_mut(*at).ok_or(*at)?.offset = offset;
        }
        Ok(self.instructions)
    }

    fn push(&mut self, code: u8, dst: Register, src: u8, offset: i16, immediate: i32) {
        let registers = if cfg!(target_endian = "little") { dst as u8 | src << 4 } else { (dst as u8) << 4 | src };
        self.instructions.push(Instruction { code, registers, offset, immediate });
    }
}

fn halves(value: u64) -> [i32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h])]
}

/// Carries out programs that load words of their context, calculate and jump: what a kernel that checks and runs them would do.
#[cfg(test)]
pub(super) fn interpret(program: &[Instruction], context: &[u32]) -> u64 {
    let mut registers = [0_u64; 11];
    let mut at = 0_usize;
    loop {
        let Instruction { code, registers: both, offset, immediate } = program[at];
        let (dst, src) = (usize::from(both & 15), usize::from(both >> 4));
        let value = if code & FROM_REGISTER == 0 { i64::from(immediate) as u64 } else { registers[src] };
        let jump = usize::try_from(i64::try_from(at).unwrap() + 1 + i64::from(offset)).unwrap();
        at += 1;
        match code & !FROM_REGISTER {
            0x61 => registers[dst] = u64::from(context[usize::try_from(offset).unwrap() / 4]),
            0x57 => registers[dst] &= value,
            0x77 => registers[dst] >>= value,
            0xb7 => registers[dst] = value,
            0x10 if code == LOAD_IMMEDIATE_64 => {
                registers[dst] = u64::from(immediate.cast_unsigned()) | u64::from(program[at].immediate.cast_unsigned()) << 32;
                at += 1;
            }
            0x15 if registers[dst] == value => at = jump,
            0x55 if registers[dst] != value => at = jump,
            0x15 | 0x55 => {}
            0x95 => return registers[0],
            _ => panic!("instruction {at} is unknown: {code:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Register::*;

    #[test]
    fn instructions_are_written_as_the_specification_says() {
        let mut assembler = Assembler::default();
        assembler.load(Size::Word, R7, R6, 4);
        assembler.store(Size::Double, R10, -8, R2);
        assembler.apply(Operation::Divide, R2, R1);
        assembler.apply_value(Operation::Move, R0, 2);
        assembler.atomic_add(R9, 24, R7);
        assembler.compare_exchange(R9, 16, R3);
        assembler.set(R1, 0xffff_fffe_0000_0003);
        assembler.exit();
        let bytes = |code, registers, offset, immediate| Instruction { code, registers, offset, immediate };
        assert_eq!(
            assembler.finish(),
            Ok(vec![
                bytes(0x61, 0x67, 4, 0),
                bytes(0x7b, 0x2a, -8, 0),
                bytes(0x3f, 0x12, 0, 0),
                bytes(0xb7, 0x00, 0, 2),
                bytes(0xdb, 0x79, 24, 0),
                bytes(0xdb, 0x39, 16, 0xf1),
                bytes(0x18, 0x01, 0, 3),
                bytes(0x00, 0x00, 0, -2),
                bytes(0x95, 0x00, 0, 0),
            ])
        );
    }

    #[test]
    fn jumps_lead_to_their_labels_forwards_and_backwards() {
        let mut assembler = Assembler::default();
        let (start, end) = (assembler.label(), assembler.label());
        assembler.place(start);
        assembler.jump_if_value(Condition::Equal, R1, 0, end);
        assembler.jump(start);
        assembler.place(end);
        assembler.exit();
        let offsets = assembler.finish().map(|program| program.iter().map(|it| it.offset).collect::<Vec<_>>());
        assert_eq!(offsets, Ok(vec![1, -2, 0]));
    }

    #[test]
    fn a_label_that_is_nowhere_is_an_error() {
        let mut assembler = Assembler::default();
        let nowhere = assembler.label();
        assembler.exit();
        assembler.jump(nowhere);
        assert_eq!(assembler.finish(), Err(1));
    }
}
