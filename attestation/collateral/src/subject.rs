//! What one answer of a vendor is about: its name, and where it is asked for.

use std::fmt;
use std::str::FromStr;

use attestation_snp::{Product, VekKind};
use measured_boot_snp_abi::TcbComponents;

use crate::settings::{Channel, Vendors};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    /// AMD's Key Distribution Service (KDS).
    Amd,
    /// Intel's Provisioning Certification Service (PCS), or a PCCS in front of it.
    Intel,
}

impl Vendor {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Amd, Self::Intel];
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd => "AMD's KDS",
            Self::Intel => "Intel's PCS",
        })
    }
}

/// The CA that certified a platform's PCK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PckCa {
    /// Of platforms with several packages: all that have TDX.
    Platform,
    /// Of platforms with one.
    Processor,
}

impl PckCa {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Platform, Self::Processor];

    /// As Intel's service spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Processor => "processor",
        }
    }

    /// The common name of its certificate (Intel *SGX PCK Certificate and CRL Profile* 1.5, 1.3.4).
    pub const fn common_name(self) -> &'static str {
        match self {
            Self::Platform => "Intel SGX PCK Platform CA",
            Self::Processor => "Intel SGX PCK Processor CA",
        }
    }
}

/// A chip's own key at one TCB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vcek {
    /// Whose the chip is.
    pub product: Product,
    /// As many bytes as the product's chip ids have: 64, of Turin 8.
    pub chip_id: Vec<u8>,
    /// With an FMC for Turin alone.
    pub tcb: TcbComponents,
}

/// What one answer is about. Its name is what it is kept and exported under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The revocation list of a product's ARK. AMD serves one under `/vcek/` and one under `/vlek/`; both are the
    /// ARK's, and one of them is enough.
    AmdList(Product),
    /// ASK or ASVK, and ARK.
    AmdChain(Product, VekKind),
    /// A VCEK's certificate.
    Vcek(Vcek),
    /// The revocation list of Intel's root.
    RootList,
    /// The revocation list of a PCK CA.
    PckList(PckCa),
    /// The identity of TDX's quoting enclave.
    QeIdentity,
    /// What Intel says of platforms with this FMSPC.
    TcbInfo([u8; 6]),
}

impl Subject {
    /// Who is asked.
    pub const fn vendor(&self) -> Vendor {
        match self {
            Self::AmdList(_) | Self::AmdChain(..) | Self::Vcek(_) => Vendor::Amd,
            _ => Vendor::Intel,
        }
    }

    /// Whether evidence names it, which nobody has looked at yet: whoever sends evidence may make up as many as they
    /// like.
    pub const fn is_named_by_evidence(&self) -> bool {
        matches!(self, Self::Vcek(_) | Self::TcbInfo(_))
    }

    /// The most bytes that its answer may have. Real ones: certificates 1.4 KiB, chains 5 KiB, AMD's lists 1 KiB,
    /// Intel's 3 KiB and growing with what is revoked, TCB infos up to 20 KiB.
    pub const fn most_bytes(&self) -> usize {
        match self {
            Self::Vcek(_) => 16 << 10,
            Self::AmdChain(..) => 64 << 10,
            Self::QeIdentity | Self::TcbInfo(_) => 256 << 10,
            Self::AmdList(_) | Self::RootList | Self::PckList(_) => 2 << 20,
        }
    }

    /// Where it is asked for.
    pub fn address(&self, vendors: &Vendors) -> String {
        match self {
            Self::AmdList(product) => vendors
                .amd
                .join(&format!("/vcek/v1/{}/crl", product.name())),
            Self::AmdChain(product, kind) => {
                let key = key_name(*kind);
                vendors
                    .amd
                    .join(&format!("/{key}/v1/{}/cert_chain", product.name()))
            }
            Self::Vcek(vcek) => vendors.amd.join(&vcek.path()),
            Self::RootList => vendors.intel_root_list.as_str().to_owned(),
            Self::PckList(ca) => vendors.intel.join(&format!(
                "/sgx/certification/v4/pckcrl?ca={}&encoding=der",
                ca.name()
            )),
            Self::QeIdentity => vendors.intel.join(&format!(
                "/tdx/certification/v4/qe/identity?update={}",
                vendors.channel.name()
            )),
            Self::TcbInfo(fmspc) => vendors.intel.join(&tcb_path(fmspc, vendors.channel)),
        }
    }

    /// The header that carries the certificates of who signed the answer (Intel *Provisioning Certification Service
    /// API* 4).
    pub const fn chain_header(&self) -> Option<&'static str> {
        match self {
            Self::TcbInfo(_) => Some("TCB-Info-Issuer-Chain"),
            Self::QeIdentity => Some("SGX-Enclave-Identity-Issuer-Chain"),
            Self::PckList(_) => Some("SGX-PCK-CRL-Issuer-Chain"),
            _ => None,
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::AmdList(product) => format!("the revocation list of {}", product.name()),
            Self::AmdChain(product, kind) => {
                format!("the chain of {}s of {}", kind.name(), product.name())
            }
            Self::Vcek(vcek) => format!(
                "the VCEK of chip {} ({}) at TCB {}",
                hex::encode(vcek.chip_id.get(..8).unwrap_or(&vcek.chip_id)),
                vcek.product.name(),
                tcb_name(vcek.tcb)
            ),
            Self::RootList => "the revocation list of Intel's root".to_owned(),
            Self::PckList(ca) => format!("the revocation list of the PCK {} CA", ca.name()),
            Self::QeIdentity => "the identity of TDX's quoting enclave".to_owned(),
            Self::TcbInfo(fmspc) => format!("the TCB info of FMSPC {}", hex::encode_upper(fmspc)),
        }
    }
}

impl Vcek {
    /// AMD 57230 revision 0.5, "VCEK certificate": on Turin the FMC comes first.
    fn path(&self) -> String {
        let fmc = self.tcb.fmc.map(|fmc| format!("fmcSPL={fmc}&"));
        format!(
            "/vcek/v1/{}/{}?{}blSPL={}&teeSPL={}&snpSPL={}&ucodeSPL={}",
            self.product.name(),
            hex::encode(&self.chip_id),
            fmc.unwrap_or_default(),
            self.tcb.boot_loader,
            self.tcb.tee,
            self.tcb.snp,
            self.tcb.microcode,
        )
    }
}

fn tcb_path(fmspc: &[u8; 6], channel: Channel) -> String {
    format!(
        "/tdx/certification/v4/tcb?fmspc={}&update={}",
        hex::encode_upper(fmspc),
        channel.name()
    )
}

const fn key_name(kind: VekKind) -> &'static str {
    match kind {
        VekKind::Vcek => "vcek",
        VekKind::Vlek => "vlek",
    }
}

/// The parts with hyphens between them, FMC first where there is one.
fn tcb_name(tcb: TcbComponents) -> String {
    let fmc = tcb.fmc.map(|fmc| format!("{fmc}-"));
    format!(
        "{}{}-{}-{}-{}",
        fmc.unwrap_or_default(),
        tcb.boot_loader,
        tcb.tee,
        tcb.snp,
        tcb.microcode
    )
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = |product: &Product| product.name().to_ascii_lowercase();
        match self {
            Self::AmdList(product) => write!(f, "amd-list/{}", lower(product)),
            Self::AmdChain(product, kind) => {
                write!(f, "amd-chain/{}/{}", lower(product), key_name(*kind))
            }
            Self::Vcek(vcek) => write!(
                f,
                "vcek/{}/{}/{}",
                lower(&vcek.product),
                hex::encode(&vcek.chip_id),
                tcb_name(vcek.tcb)
            ),
            Self::RootList => f.write_str("intel-root-list"),
            Self::PckList(ca) => write!(f, "pck-list/{}", ca.name()),
            Self::QeIdentity => f.write_str("qe-identity"),
            Self::TcbInfo(fmspc) => write!(f, "tcb-info/{}", hex::encode(fmspc)),
        }
    }
}

/// A text names nothing that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it names nothing that is kept here")]
pub struct UnknownSubject;

impl FromStr for Subject {
    type Err = UnknownSubject;

    /// The one way in which each is written.
    fn from_str(name: &str) -> Result<Self, UnknownSubject> {
        let parts: Vec<_> = name.split('/').collect();
        let subject = read(&parts).ok_or(UnknownSubject)?;
        match subject.to_string() == name {
            true => Ok(subject),
            false => Err(UnknownSubject),
        }
    }
}

fn read(parts: &[&str]) -> Option<Subject> {
    Some(match parts {
        ["amd-list", product] => Subject::AmdList(product_named(product)?),
        ["amd-chain", product, "vcek"] => Subject::AmdChain(product_named(product)?, VekKind::Vcek),
        ["amd-chain", product, "vlek"] => Subject::AmdChain(product_named(product)?, VekKind::Vlek),
        ["vcek", product, chip_id, tcb] => {
            let product = product_named(product)?;
            let chip_id = hex::decode(chip_id).ok()?;
            (chip_id.len() == product.chip_id_length()).then_some(())?;
            let tcb = read_tcb(product, tcb)?;
            Subject::Vcek(Vcek {
                product,
                chip_id,
                tcb,
            })
        }
        ["intel-root-list"] => Subject::RootList,
        ["pck-list", ca] => Subject::PckList(PckCa::ALL.into_iter().find(|it| it.name() == *ca)?),
        ["qe-identity"] => Subject::QeIdentity,
        ["tcb-info", fmspc] => {
            let mut bytes = [0; 6];
            hex::decode_to_slice(fmspc, &mut bytes).ok()?;
            Subject::TcbInfo(bytes)
        }
        _ => return None,
    })
}

/// A product by its name, whatever the case.
pub fn product_named(name: &str) -> Option<Product> {
    let is_it = |product: &Product| product.name().eq_ignore_ascii_case(name);
    Product::ALL.into_iter().find(is_it)
}

/// A TCB as its parts with hyphens between them: boot loader, TEE, SNP and microcode, of Turin FMC first.
pub fn read_tcb(product: Product, text: &str) -> Option<TcbComponents> {
    let parts: Result<Vec<u8>, _> = text.split('-').map(str::parse).collect();
    match (product, parts.ok()?.as_slice()) {
        (Product::Turin, [fmc, rest @ ..]) => four(Some(*fmc), rest),
        (Product::Milan | Product::Genoa, parts) => four(None, parts),
        (Product::Turin, []) => None,
    }
}

fn four(fmc: Option<u8>, parts: &[u8]) -> Option<TcbComponents> {
    let [boot_loader, tee, snp, microcode] = *parts else {
        return None;
    };
    Some(TcbComponents {
        fmc,
        boot_loader,
        tee,
        snp,
        microcode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(product: Product, tcb: &str) -> Subject {
        Subject::Vcek(Vcek {
            product,
            chip_id: (0..).take(product.chip_id_length()).collect(),
            tcb: read_tcb(product, tcb).expect("a TCB"),
        })
    }

    fn all() -> Vec<Subject> {
        vec![
            Subject::AmdList(Product::Milan),
            Subject::AmdChain(Product::Genoa, VekKind::Vcek),
            Subject::AmdChain(Product::Turin, VekKind::Vlek),
            chip(Product::Milan, "3-0-8-115"),
            chip(Product::Turin, "1-1-1-4-71"),
            Subject::RootList,
            Subject::PckList(PckCa::Platform),
            Subject::PckList(PckCa::Processor),
            Subject::QeIdentity,
            Subject::TcbInfo([0xB0, 0xC0, 0x6F, 0, 0, 0]),
        ]
    }

    #[test]
    fn name_of_each_subject_is_read_back() {
        for subject in all() {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
    }

    #[test]
    fn name_written_another_way_is_refused() {
        for name in [
            "",
            "vcek",
            "amd-list/Milan",
            "amd-list/rome",
            "amd-chain/milan/vcek/",
            "tcb-info/B0C06F000000",
            "tcb-info/b0c06f0000",
            "qe-identity/",
            "../seen",
            "vcek/turin/0001020304050607/1-1-4-71",
            "vcek/turin/0001020304050607/01-1-1-4-71",
            "vcek/milan/0001020304050607/3-0-8-115",
        ] {
            assert_eq!(name.parse::<Subject>(), Err(UnknownSubject), "{name}");
        }
    }

    #[test]
    fn address_is_the_vendors() {
        let vendors = Vendors::default();
        let address = |subject: &Subject| subject.address(&vendors);
        assert_eq!(
            address(&Subject::AmdChain(Product::Turin, VekKind::Vlek)),
            "https://kdsintf.amd.com/vlek/v1/Turin/cert_chain"
        );
        assert_eq!(
            address(&chip(Product::Turin, "1-2-3-4-71")),
            "https://kdsintf.amd.com/vcek/v1/Turin/0001020304050607?fmcSPL=1&blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=71"
        );
        assert!(
            address(&chip(Product::Milan, "3-0-8-115"))
                .ends_with("3c3d3e3f?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115")
        );
        assert_eq!(
            address(&Subject::AmdList(Product::Genoa)),
            "https://kdsintf.amd.com/vcek/v1/Genoa/crl"
        );
        assert_eq!(
            address(&Subject::TcbInfo([0xB0, 0xC0, 0x6F, 0, 0, 0])),
            "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=B0C06F000000&update=standard"
        );
        assert_eq!(
            address(&Subject::QeIdentity),
            "https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity?update=standard"
        );
        assert_eq!(
            address(&Subject::PckList(PckCa::Processor)),
            "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=processor&encoding=der"
        );
        assert_eq!(
            address(&Subject::RootList),
            "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
        );
    }
}
