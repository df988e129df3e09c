//! `[boot]`.

use super::{BootConfig, ConfigError, Judge, text};
use crate::BootProtocol;
use toml::Spanned;

impl Judge<'_> {
    pub(super) fn boot(&self, boot: text::Boot) -> Result<BootConfig, ConfigError> {
        let protocol = self.protocol(&boot.protocol)?;
        self.refuse_foreign_keys(protocol, &boot)?;
        let is_igvm = protocol == BootProtocol::Igvm;
        let wanted = |key, value: Option<Spanned<String>>| match value {
            Some(value) => Ok(value.into_inner()),
            None if is_igvm => Ok(String::new()),
            None => Err(self.missing(&boot.protocol, "boot", key)),
        };
        if is_igvm && boot.igvm.is_none() {
            return Err(self.missing(&boot.protocol, "boot", "igvm"));
        }
        Ok(BootConfig {
            protocol,
            kernel: wanted("kernel", boot.kernel)?,
            initrd: wanted("initrd", boot.initrd)?,
            cmdline: wanted("cmdline", boot.cmdline)?,
            shim: self.path("boot.shim", boot.shim)?,
            acpi: self.acpi(boot.acpi)?,
            igvm: self.path("boot.igvm", boot.igvm)?,
        })
    }

    fn protocol(&self, text: &Spanned<String>) -> Result<BootProtocol, ConfigError> {
        let known = [
            BootProtocol::Shim,
            BootProtocol::SimulatedDirect,
            BootProtocol::Igvm,
        ];
        known
            .into_iter()
            .find(|protocol| protocol.name() == text.get_ref())
            .ok_or_else(|| {
                let problem = format!("\"{}\" is no boot protocol", text.get_ref());
                self.refuse(
                    text,
                    "boot.protocol",
                    problem,
                    "use shim, simulated-direct or igvm",
                )
            })
    }

    /// A key that the protocol does not read must not look as if it did something.
    fn refuse_foreign_keys(
        &self,
        protocol: BootProtocol,
        boot: &text::Boot,
    ) -> Result<(), ConfigError> {
        use BootProtocol::{Igvm, Shim, SimulatedDirect};
        let keys = [
            ("boot.kernel", &boot.kernel, &[SimulatedDirect, Shim][..]),
            ("boot.initrd", &boot.initrd, &[SimulatedDirect, Shim]),
            ("boot.cmdline", &boot.cmdline, &[SimulatedDirect, Shim]),
            ("boot.shim", &boot.shim, &[Shim]),
            ("boot.acpi", &boot.acpi, &[Shim]),
            ("boot.igvm", &boot.igvm, &[Igvm]),
        ];
        for (key, value, protocols) in keys {
            if let Some(value) = value.as_ref().filter(|_| !protocols.contains(&protocol)) {
                let problem = format!("the protocol {} does not read it", protocol.name());
                return Err(self.refuse(
                    value,
                    key,
                    problem,
                    "remove it, or choose another protocol",
                ));
            }
        }
        Ok(())
    }

    fn acpi(&self, acpi: Option<Spanned<String>>) -> Result<bool, ConfigError> {
        match acpi {
            None => Ok(true),
            Some(text) if text.get_ref() == "none" => Ok(false),
            Some(text) => {
                let problem = format!("\"{}\" is not known", text.get_ref());
                Err(self.refuse(&text, "boot.acpi", problem, "write \"none\", or remove it"))
            }
        }
    }
}
