//! Names of products and keys, as certificates, policies and claims have them.

use measured_boot_snp_abi::Product;
use serde::{Deserialize, Deserializer, Serialize};

/// Which kind of key signs reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VekKind {
    /// A chip's own key.
    Vcek,
    /// A key that a cloud provider loads into its chips.
    Vlek,
}

impl VekKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Vcek, Self::Vlek];

    /// The common name of its certificates: with the `SEV-` in front (AMD 57230, "VCEK certificate").
    pub const fn common_name(self) -> &'static str {
        match self {
            Self::Vcek => "SEV-VCEK",
            Self::Vlek => "SEV-VLEK",
        }
    }

    /// The common name of who certifies it.
    pub fn issuer_name(self, product: Product) -> String {
        match self {
            Self::Vcek => format!("SEV-{}", product.name()),
            Self::Vlek => format!("SEV-VLEK-{}", product.name()),
        }
    }

    /// SIGNING_KEY in KEY_INFO (56860 rev 1.58, "ATTESTATION_REPORT Structure").
    pub const fn signing_key(self) -> u8 {
        match self {
            Self::Vcek => 0,
            Self::Vlek => 1,
        }
    }

    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        }
    }
}

/// The common name of a product's root.
pub fn root_name(product: Product) -> String {
    format!("ARK-{}", product.name())
}

/// Whether certificates of a product have this product name. VCEKs of some carry a stepping behind it, VLEKs none.
pub fn is_product_name(name: &str, product: Product) -> bool {
    let lines: &[&str] = match product {
        Product::Milan => &["Milan"],
        Product::Genoa => &["Genoa", "Bergamo", "Siena"],
        Product::Turin => &["Turin"],
    };
    let (line, stepping) = name.split_once('-').unwrap_or((name, "A0"));
    lines.contains(&line)
        && !stepping.is_empty()
        && stepping.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// A product's name as policies and claims have it.
pub fn lower_case(product: Product) -> String {
    product.name().to_ascii_lowercase()
}

/// Reads a list of products by their names.
pub fn products<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Product>, D::Error> {
    let unknown = || serde::de::Error::custom("known products are milan, genoa and turin");
    let of = |name: String| {
        Product::ALL
            .into_iter()
            .find(|product| lower_case(*product) == name)
    };
    let names = Vec::<String>::deserialize(deserializer)?.into_iter();
    names.map(|name| of(name).ok_or_else(unknown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_name_is_of_its_product_with_or_without_a_stepping() {
        for (name, product, expected) in [
            ("Milan-B0", Product::Milan, true),
            ("Milan", Product::Milan, true),
            ("Genoa", Product::Genoa, true),
            ("Siena-A0", Product::Genoa, true),
            ("Turin", Product::Turin, true),
            ("Genoa", Product::Milan, false),
            ("Milan-", Product::Milan, false),
            ("Milan-B0-", Product::Milan, false),
            ("MilanX", Product::Milan, false),
            ("", Product::Milan, false),
        ] {
            assert_eq!(is_product_name(name, product), expected, "{name}");
        }
    }
}
