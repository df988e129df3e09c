//! What kinds of events there are.

use std::fmt;

/// The type of an event (PFP 1.06 §10.4.1, table 27). **No digest covers it**: whoever can change a log
/// can call an event by another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(pub u32);

macro_rules! event_types {
    ($($number:literal $constant:ident $name:literal)*) => {
        impl EventType {
            $(#[doc = $name] pub const $constant: Self = Self($number);)*

            /// Its name in the profile; `None` if the number is not known.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

event_types! {
    0x00 PREBOOT_CERT "EV_PREBOOT_CERT"
    0x01 POST_CODE "EV_POST_CODE"
    0x02 UNUSED "EV_UNUSED"
    0x03 NO_ACTION "EV_NO_ACTION"
    0x04 SEPARATOR "EV_SEPARATOR"
    0x05 ACTION "EV_ACTION"
    0x06 EVENT_TAG "EV_EVENT_TAG"
    0x07 S_CRTM_CONTENTS "EV_S_CRTM_CONTENTS"
    0x08 S_CRTM_VERSION "EV_S_CRTM_VERSION"
    0x09 CPU_MICROCODE "EV_CPU_MICROCODE"
    0x0a PLATFORM_CONFIG_FLAGS "EV_PLATFORM_CONFIG_FLAGS"
    0x0b TABLE_OF_DEVICES "EV_TABLE_OF_DEVICES"
    0x0c COMPACT_HASH "EV_COMPACT_HASH"
    0x0d IPL "EV_IPL"
    0x0e IPL_PARTITION_DATA "EV_IPL_PARTITION_DATA"
    0x0f NONHOST_CODE "EV_NONHOST_CODE"
    0x10 NONHOST_CONFIG "EV_NONHOST_CONFIG"
    0x11 NONHOST_INFO "EV_NONHOST_INFO"
    0x12 OMIT_BOOT_DEVICE_EVENTS "EV_OMIT_BOOT_DEVICE_EVENTS"
    0x13 POST_CODE2 "EV_POST_CODE2"
    0x8000_0000 EFI_EVENT_BASE "EV_EFI_EVENT_BASE"
    0x8000_0001 EFI_VARIABLE_DRIVER_CONFIG "EV_EFI_VARIABLE_DRIVER_CONFIG"
    0x8000_0002 EFI_VARIABLE_BOOT "EV_EFI_VARIABLE_BOOT"
    0x8000_0003 EFI_BOOT_SERVICES_APPLICATION "EV_EFI_BOOT_SERVICES_APPLICATION"
    0x8000_0004 EFI_BOOT_SERVICES_DRIVER "EV_EFI_BOOT_SERVICES_DRIVER"
    0x8000_0005 EFI_RUNTIME_SERVICES_DRIVER "EV_EFI_RUNTIME_SERVICES_DRIVER"
    0x8000_0006 EFI_GPT_EVENT "EV_EFI_GPT_EVENT"
    0x8000_0007 EFI_ACTION "EV_EFI_ACTION"
    0x8000_0008 EFI_PLATFORM_FIRMWARE_BLOB "EV_EFI_PLATFORM_FIRMWARE_BLOB"
    0x8000_0009 EFI_HANDOFF_TABLES "EV_EFI_HANDOFF_TABLES"
    0x8000_000A EFI_PLATFORM_FIRMWARE_BLOB2 "EV_EFI_PLATFORM_FIRMWARE_BLOB2"
    0x8000_000B EFI_HANDOFF_TABLES2 "EV_EFI_HANDOFF_TABLES2"
    0x8000_000C EFI_VARIABLE_BOOT2 "EV_EFI_VARIABLE_BOOT2"
    0x8000_000D EFI_GPT_EVENT2 "EV_EFI_GPT_EVENT2"
    0x8000_0010 EFI_HCRTM_EVENT "EV_EFI_HCRTM_EVENT"
    0x8000_00E0 EFI_VARIABLE_AUTHORITY "EV_EFI_VARIABLE_AUTHORITY"
    0x8000_00E1 EFI_SPDM_FIRMWARE_BLOB "EV_EFI_SPDM_FIRMWARE_BLOB"
    0x8000_00E2 EFI_SPDM_FIRMWARE_CONFIG "EV_EFI_SPDM_FIRMWARE_CONFIG"
    0x8000_00E3 EFI_SPDM_DEVICE_POLICY "EV_EFI_SPDM_DEVICE_POLICY"
    0x8000_00E4 EFI_SPDM_DEVICE_AUTHORITY "EV_EFI_SPDM_DEVICE_AUTHORITY"
}

impl EventType {
    /// Whether events of this type hold a UEFI_VARIABLE_DATA (PFP 1.06 §10.2.6).
    pub const fn holds_variable(self) -> bool {
        matches!(
            self,
            Self::EFI_VARIABLE_DRIVER_CONFIG
                | Self::EFI_VARIABLE_BOOT
                | Self::EFI_VARIABLE_BOOT2
                | Self::EFI_VARIABLE_AUTHORITY
        )
    }

    /// Whether a boot variable is in it, of which firmware may measure the contents alone.
    pub const fn is_boot_variable(self) -> bool {
        matches!(self, Self::EFI_VARIABLE_BOOT | Self::EFI_VARIABLE_BOOT2)
    }

    /// Whether events of this type hold a UEFI_IMAGE_LOAD_EVENT (PFP 1.06 §10.2.3).
    pub const fn is_image_load(self) -> bool {
        matches!(
            self,
            Self::EFI_BOOT_SERVICES_APPLICATION
                | Self::EFI_BOOT_SERVICES_DRIVER
                | Self::EFI_RUNTIME_SERVICES_DRIVER
        )
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("type {:#x}", self.0)),
        }
    }
}
