//! From the entry to the end.

use crate::boot::{Mode, Orders};
use crate::console::line;
use crate::hostile;
use crate::memory::{Content, Memory, POOL_PAGES};
use crate::pattern::Kind;
use crate::state::State;
use crate::vsock::Expect;
use crate::world::{Fault, World};
use crate::{cpu, selfish};

/// `cmd_line_ptr` and `cmdline_size` of boot_params (Linux, Documentation/arch/x86/boot.rst).
const COMMAND_LINE: u64 = 0x228;
const COMMAND_LINE_BYTES: u64 = 0x238;
const LONGEST_COMMAND_LINE: u64 = 4096;

/// Does what the command line asks for, and ends the machine.
///
/// # Safety
/// Once, on a machine on which nothing else runs, entered as Linux's 64-bit boot protocol has it.
pub unsafe fn run(boot_parameters: u64) -> ! {
    // SAFETY: the caller says that RSI held the address of boot_params, which lie below 4 GiB.
    let line_of_command = unsafe { command_line(boot_parameters) };
    let Some(orders) = Orders::parse(line_of_command) else {
        line(format_args!(
            "flipper: FAILED: the command line is no orders"
        ));
        cpu::reset()
    };
    // SAFETY: nothing else runs, the first 4 GiB are mapped to themselves, the program ends below the
    // region (`link.ld`), and this is the only claim.
    let memory = unsafe { Memory::claim() };
    let done = match orders.mode {
        Mode::Honest | Mode::Hostile | Mode::Leaky => work(memory, orders),
        lose => selfish::lose(lose, orders.memory),
    };
    match done {
        Ok(()) => cpu::power_off(),
        Err(fault) => {
            line(format_args!("flipper: FAILED: {fault}"));
            cpu::reset()
        }
    }
}

/// # Safety
/// `boot_parameters` are Linux's, mapped at their address, and they and the command line stay as they are.
unsafe fn command_line(boot_parameters: u64) -> &'static [u8] {
    let field = |offset: u64| {
        let address = usize::try_from(boot_parameters + offset).expect("addresses have 64 bits");
        // SAFETY: within the page of boot_params, which the caller vouches for.
        unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_unaligned() }
    };
    let length = u64::from(field(COMMAND_LINE_BYTES)).min(LONGEST_COMMAND_LINE);
    let start = usize::try_from(field(COMMAND_LINE)).expect("addresses have 64 bits");
    let length = usize::try_from(length).expect("4096 at most");
    // SAFETY: the protocol says that so many bytes lie there.
    let bytes =
        unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(start), length) };
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn work(memory: Memory, orders: Orders) -> Result<(), Fault> {
    let mut world = World::start(memory, orders)?;
    line(format_args!(
        "flipper: {} for {} s, seed {}, access-platform={}",
        orders.mode.name(),
        orders.seconds,
        orders.seed,
        world.access_platform
    ));
    world.connect()?;
    match orders.mode {
        Mode::Leaky => return leak(&mut world),
        Mode::Hostile => {
            while !world.time_is_up() {
                hostile::step(&mut world)?;
            }
            // Whatever it did, it can go on as if it had not.
            hostile::recover(&mut world)?;
            for _ in 0..200 {
                step(&mut world)?;
            }
        }
        _ => {
            while !world.time_is_up() {
                step(&mut world)?;
            }
        }
    }
    finish(&mut world)
}

/// Writes private words into a page that is shared, and sends it.
fn leak(world: &mut World) -> Result<(), Fault> {
    let page = world.memory.in_pool(0);
    let content = Content::Pattern(world.tag());
    page.fill(Kind::Private, content);
    // The echo is not what such a page may hold.
    world.vsock.send_page(page, Expect::Exactly(content));
    match world.settle() {
        Err(Fault::Echo { .. }) => {}
        Err(other) => return Err(other),
        Ok(()) => return Err(Fault::Other("private words were echoed as shared ones")),
    }
    // Long enough for a look at the memory.
    while !world.time_is_up() {
        world.send(1, Content::Zero);
        world.settle()?;
    }
    Ok(())
}

/// In the end everything is looked at, and then private: nothing is left in shared memory.
fn finish(world: &mut World) -> Result<(), Fault> {
    world.settle()?;
    for page in 0..POOL_PAGES {
        match world.states.of(page) {
            State::Shared(content) => {
                world.check("a shared page", page, Kind::Shared, content)?;
                world.make_private(page, 1)?;
            }
            State::Private(content) => {
                world.check("a private page", page, Kind::Private, content)?;
            }
            State::Lent => return Err(Fault::Other("a page is still lent")),
        }
    }
    line(format_args!("flipper: counts{}", world.counts));
    line(format_args!("flipper: done"));
    Ok(())
}

/// One honest step: something with one page or a few, while devices work on others.
pub fn step(world: &mut World) -> Result<(), Fault> {
    while world.hear_disk()? {}
    world.listen()?;
    world.return_buffers()?;
    let page = world.random.below(POOL_PAGES);
    let most = 1 << world.random.below(7);
    match world.states.of(page) {
        State::Lent => Ok(()),
        State::Private(_) => step_private(world, page, most),
        State::Shared(content) => step_shared(world, page, most, content),
    }
}

fn step_private(world: &mut World, page: u32, most: u32) -> Result<(), Fault> {
    let private = |state| matches!(state, State::Private(_));
    let pages = world.states.run(page, most, private);
    if world.random.once_in(4) && world.vsock.is_ready() {
        // Straight from private to a device, untouched: it must see nothing.
        world.make_shared_unseen(page, pages)?;
        world.send(page, Content::Zero);
        return Ok(());
    }
    world.make_shared(page, pages)
}

fn step_shared(world: &mut World, page: u32, most: u32, content: Content) -> Result<(), Fault> {
    world.check("a shared page", page, Kind::Shared, content)?;
    let shared = |state| matches!(state, State::Shared(_));
    let pages = world.states.run(page, most, shared);
    match world.random.below(4) {
        0 if world.block.has_room() => {
            world.read_disk(page, pages.min(4));
            Ok(())
        }
        1 if world.vsock.is_ready() => {
            let content = Content::Pattern(world.tag());
            world.memory.in_pool(page).fill(Kind::Shared, content);
            world.send(page, content);
            Ok(())
        }
        2 => {
            let content = Content::Pattern(world.tag());
            world.memory.in_pool(page).fill(Kind::Shared, content);
            world.states.set(page, State::Shared(content));
            Ok(())
        }
        _ => world.make_private(page, pages),
    }
}
