//! What depends on the product: which CPUs are of it, and which byte of a TCB version means what.

use crate::TcbVersion;

/// A product line whose reports are known. Siena and Bergamo are Genoa's: they share its roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// Zen 3, EPYC 7003.
    Milan,
    /// Zen 4, EPYC 9004, 97x4 (Bergamo) and 8004 (Siena).
    Genoa,
    /// Zen 5, EPYC 9005.
    Turin,
}

impl Product {
    /// Every product.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// The product of a CPU, from the combined family and model that reports of version 3 and later carry; `None`
    /// for one that is not known (AMD 57230 revision 1.0, table 4: by family and extended model).
    pub const fn of_cpu(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0F) => Some(Self::Milan),
            (0x19, 0x10..=0x1F | 0xA0..=0xAF) => Some(Self::Genoa),
            (0x1A, 0x00..=0x1F) => Some(Self::Turin),
            _ => None,
        }
    }

    /// As the names of its certificates have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// The generation of its cores.
    pub const fn generation(self) -> &'static str {
        match self {
            Self::Milan => "zen3",
            Self::Genoa => "zen4",
            Self::Turin => "zen5",
        }
    }

    /// How many bytes of a chip's identifier are used; the others of the report's 64 are zero (AMD 57230, "hwID").
    pub const fn chip_id_length(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin => 8,
        }
    }
}

/// The parts of a TCB version, each a security version of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcbComponents {
    /// Of the firmware management controller; only Turin has one.
    pub fmc: Option<u8>,
    /// Of the boot loader.
    pub boot_loader: u8,
    /// Of the secure processor's operating system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Lowest microcode patch level of all cores.
    pub microcode: u8,
}

impl TcbComponents {
    /// Name and value of each part, a missing FMC as 0.
    pub const fn named(self) -> [(&'static str, u8); 5] {
        let fmc = match self.fmc {
            Some(fmc) => fmc,
            None => 0,
        };
        [
            ("fmc", fmc),
            ("boot_loader", self.boot_loader),
            ("tee", self.tee),
            ("snp", self.snp),
            ("microcode", self.microcode),
        ]
    }

    /// The first part that is less than the same part of `other`: versions are compared part by part, never as numbers.
    pub fn first_below(self, other: Self) -> Option<&'static str> {
        let pairs = self.named().into_iter().zip(other.named());
        let mut below = pairs.filter(|((_, this), (_, that))| this < that);
        below.next().map(|((name, _), _)| name)
    }
}

impl TcbVersion {
    /// A version as Turin lays it out.
    pub const fn turin(fmc: u8, boot_loader: u8, tee: u8, snp: u8, microcode: u8) -> Self {
        Self([fmc, boot_loader, tee, snp, 0, 0, 0, microcode])
    }

    /// The parts, as the product lays them out (56860 rev 1.58, "TCB_VERSION structure").
    pub const fn components(self, product: Product) -> TcbComponents {
        let [zero, one, two, three, _, _, six, seven] = self.0;
        match product {
            Product::Milan | Product::Genoa => TcbComponents {
                fmc: None,
                boot_loader: zero,
                tee: one,
                snp: six,
                microcode: seven,
            },
            Product::Turin => TcbComponents {
                fmc: Some(zero),
                boot_loader: one,
                tee: two,
                snp: three,
                microcode: seven,
            },
        }
    }

    /// Whether the bytes that the product reserves are zero.
    pub fn reserved_is_zero(self, product: Product) -> bool {
        let reserved = match product {
            Product::Milan | Product::Genoa => &self.0[2..6],
            Product::Turin => &self.0[4..7],
        };
        reserved.iter().all(|byte| *byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_of_the_product_whose_model_it_has() {
        for (family, model, product) in [
            (0x19, 0x01, Some(Product::Milan)),
            (0x19, 0x11, Some(Product::Genoa)),
            (0x19, 0xA0, Some(Product::Genoa)),
            (0x1A, 0x02, Some(Product::Turin)),
            (0x1A, 0x11, Some(Product::Turin)),
            (0x19, 0x21, None),
            (0x19, 0xB0, None),
            (0x1A, 0x20, None),
            (0x1A, 0x50, None),
            (0x17, 0x31, None),
            (0, 0, None),
        ] {
            assert_eq!(
                Product::of_cpu(family, model),
                product,
                "{family:#x} {model:#x}"
            );
        }
    }

    #[test]
    fn tcb_components_are_where_the_product_has_them() {
        let milan = TcbVersion::milan(3, 1, 8, 115);
        let turin = TcbVersion::turin(9, 1, 0, 2, 71);
        let parts = milan.components(Product::Genoa);
        assert_eq!(parts.named().map(|(_, value)| value), [0, 3, 1, 8, 115]);
        assert_eq!(parts.fmc, None);
        let parts = turin.components(Product::Turin);
        assert_eq!(parts.named().map(|(_, value)| value), [9, 1, 0, 2, 71]);
        assert!(milan.reserved_is_zero(Product::Milan) && turin.reserved_is_zero(Product::Turin));
        assert!(!milan.reserved_is_zero(Product::Turin) && !turin.reserved_is_zero(Product::Milan));
    }

    #[test]
    fn tcb_is_compared_part_by_part() {
        let of =
            |snp, microcode| TcbVersion::milan(3, 0, snp, microcode).components(Product::Milan);
        assert_eq!(of(8, 115).first_below(of(8, 115)), None);
        assert_eq!(of(8, 115).first_below(of(9, 0)), Some("snp"));
        assert_eq!(of(9, 0).first_below(of(8, 115)), Some("microcode"));
    }
}
