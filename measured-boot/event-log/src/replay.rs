//! What a log's events make of the registers.

use crate::payload::startup_locality;
use crate::{Algorithm, Digest, EventType, Log, Register, Registers};
use std::collections::BTreeMap;

/// The registers of every bank after a log's last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// A bank for each algorithm that the log declares and that is computed here, in the log's order.
    pub banks: Vec<Bank>,
    /// Algorithms that the log declares and that are not computed here.
    pub not_replayed: Vec<Algorithm>,
    /// From which locality the TPM was started, where the log says so: it is in PCR 0 from the start.
    pub startup_locality: Option<u8>,
}

/// The registers of one algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bank {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The value of every register that an event went into; of a CC log all four, since a quote has all.
    pub registers: BTreeMap<Register, Digest>,
    /// Measured events without a digest of this bank: if there is one, the registers are not a TPM's.
    pub missing: usize,
}

impl Replay {
    /// The bank of an algorithm.
    pub fn bank(&self, algorithm: Algorithm) -> Option<&Bank> {
        self.banks.iter().find(|bank| bank.algorithm == algorithm)
    }

    /// The value of a register in a bank.
    pub fn value(&self, algorithm: Algorithm, register: Register) -> Option<Digest> {
        let bank = self.bank(algorithm)?;
        bank.registers.get(&register).copied()
    }
}

impl Log<'_> {
    /// Extends registers by the log's events: `R = H(R | digest)` for each but EV_NO_ACTION. All begin as
    /// zeros; PCR 0's last byte is the locality from which the TPM was started (PFP 1.06 §10.4.5.3). PCRs
    /// 17 to 22 begin as zeros too, as after a dynamic launch.
    pub fn replay(&self) -> Replay {
        let (banks, not_replayed): (Vec<_>, Vec<_>) = self
            .algorithms()
            .map(|algorithm| self.bank(algorithm).ok_or(algorithm))
            .partition(Result::is_ok);
        Replay {
            banks: banks.into_iter().flatten().collect(),
            not_replayed: not_replayed.into_iter().filter_map(Result::err).collect(),
            startup_locality: self.startup_locality(),
        }
    }

    fn bank(&self, algorithm: Algorithm) -> Option<Bank> {
        let mut bank = Bank {
            algorithm,
            registers: BTreeMap::new(),
            missing: 0,
        };
        for register in self.always_there() {
            let start = self.start(algorithm, register)?;
            bank.registers.insert(register, start);
        }
        let start = self.start(algorithm, Register::None)?;
        for event in self.events.iter().filter(|event| event.is_measured()) {
            let register = event.register;
            let Some(digest) = event.digest(algorithm) else {
                bank.missing += 1;
                continue;
            };
            if register.is_extendable() {
                let value = bank
                    .registers
                    .entry(register)
                    .or_insert_with(|| self.start(algorithm, register).unwrap_or(start));
                *value = algorithm.hash(&[value.as_bytes(), digest])?;
            }
        }
        Some(bank)
    }

    fn always_there(&self) -> impl Iterator<Item = Register> + use<> {
        let rtmrs = match self.registers {
            Registers::Pcr => 0..0,
            Registers::Rtmr => 0..4,
        };
        rtmrs.map(Register::Rtmr)
    }

    /// A register's value before any event; `None` if the algorithm is not computed here.
    fn start(&self, algorithm: Algorithm, register: Register) -> Option<Digest> {
        if !algorithm.is_replayed() {
            return None;
        }
        let mut zeros = [0; 64];
        let value = zeros.get_mut(..algorithm.size()?)?;
        if register == Register::Pcr(0) {
            *value.last_mut()? = self.first_byte_of_pcr_0();
        }
        Digest::new(value)
    }

    /// An H-CRTM measures from locality 4, and says so by its event alone (PFP 1.06 §10.4.5.3).
    fn first_byte_of_pcr_0(&self) -> u8 {
        let hcrtm = |event: &crate::Event<'_>| {
            event.register == Register::Pcr(0) && event.kind == EventType::EFI_HCRTM_EVENT
        };
        if self.events.iter().any(hcrtm) {
            return 4;
        }
        self.startup_locality().unwrap_or(0)
    }

    /// What the first event that names it says.
    fn startup_locality(&self) -> Option<u8> {
        self.events
            .iter()
            .filter(|event| !event.is_measured() && event.register == Register::Pcr(0))
            .find_map(|event| match startup_locality(event.data)? {
                [locality] => Some(*locality),
                _ => None,
            })
    }
}
