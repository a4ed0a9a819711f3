//! Identifies processes of this machine, to detect whether a process id still belongs to the same process.

#[cfg(not(unix))]
pub(crate) use elsewhere::{cpu_ms, host, is_alive, login, peak_memory, place, started};
#[cfg(unix)]
pub(crate) use unix::{cpu_ms, host, is_alive, login, peak_memory, place, started};

#[cfg(unix)]
mod unix {
    use std::fs;

    /// Returns the name of this machine, for display.
    pub(crate) fn host() -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// Returns the name of the account of this process, or its number if it has no name.
    pub(crate) fn login() -> String {
        let number = rustix::process::getuid().as_raw().to_string();
        // Accounts of a directory service are not in the file.
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let mut named = account.filter(|fields| fields.get(2) == Some(&number.as_str()));
        let name = named.next().and_then(|fields| Some((*fields.first()?).to_owned()));
        name.or_else(|| std::env::var("USER").ok().filter(|name| !name.is_empty())).unwrap_or(number)
    }

    /// Returns the CPU time that this process has taken so far, with all its threads and the children that it has waited
    /// for, in milliseconds; `None` where there is no `/proc`.
    pub(crate) fn cpu_ms() -> Option<u64> {
        /// What Linux calls USER_HZ: the unit of these numbers, whatever the kernel's own clock.
        const TICKS_A_SECOND: u64 = 100;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        // utime, stime, cutime and cstime, the 14th to the 17th field.
        let ticks: Vec<u64> =
            fields.split_whitespace().skip(11).take(4).map_while(|field| field.parse().ok()).collect();
        (ticks.len() == 4).then(|| ticks.iter().sum::<u64>() * 1000 / TICKS_A_SECOND)
    }

    /// Returns the most memory that this process has had resident so far, in bytes; `None` where there is no `/proc`.
    pub(crate) fn peak_memory() -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    }

    /// Returns the scope in which a process id is unique: this boot of this machine, and this container.
    pub(crate) fn place() -> String {
        // Linux distinguishes boots and containers. Elsewhere the host name has to do.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let namespace = fs::read_link("/proc/self/ns/pid").ok();
        match (boot, namespace) {
            (Some(boot), Some(namespace)) => format!("{}/{}", boot.trim(), namespace.display()),
            _ => host(),
        }
    }

    /// Returns when a process began, in clock ticks since boot on Linux, or `None` if unknown.
    pub(crate) fn started(pid: u32) -> Option<u64> {
        match seen(stat(pid).as_deref()) {
            Seen::Began(began) => Some(began),
            Seen::Ended | Seen::Nothing => None,
        }
    }

    /// Returns whether the process with this id is alive and began at this time.
    pub(crate) fn is_alive(pid: u32, began: u64) -> bool {
        is_alive_by(stat(pid).as_deref(), pid, began)
    }

    /// Returns whether a process is alive, given its line in `/proc/PID/stat`. Without the line (processes of other
    /// users may be hidden), a null signal shows whether the id is in use.
    pub(super) fn is_alive_by(stat: Option<&str>, pid: u32, began: u64) -> bool {
        match seen(stat) {
            Seen::Began(at) => at == began,
            Seen::Ended => false,
            Seen::Nothing => {
                let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
                // A process that may not be signalled is alive.
                pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
            }
        }
    }

    fn stat(pid: u32) -> Option<String> {
        fs::read_to_string(format!("/proc/{pid}/stat")).ok()
    }

    enum Seen {
        Began(u64),
        Ended,
        Nothing,
    }

    fn seen(stat: Option<&str>) -> Seen {
        // The second field is a name in parentheses, which may contain anything. The start time is the 22nd field. A
        // process that has ended and has not been reaped is in state Z.
        let Some((_, fields)) = stat.and_then(|stat| stat.rsplit_once(')')) else { return Seen::Nothing };
        let mut fields = fields.split_whitespace();
        match (fields.next(), fields.nth(18).map(str::parse)) {
            (Some("Z"), _) => Seen::Ended,
            (_, Some(Ok(began))) => Seen::Began(began),
            _ => Seen::Nothing,
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    pub(crate) fn host() -> String {
        std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".into())
    }

    pub(crate) fn login() -> String {
        std::env::var("USERNAME").unwrap_or_default()
    }

    /// Returns `None`: there is no safe way to ask.
    pub(crate) fn cpu_ms() -> Option<u64> {
        None
    }

    /// Returns `None`: there is no safe way to ask.
    pub(crate) fn peak_memory() -> Option<u64> {
        None
    }

    pub(crate) fn place() -> String {
        host()
    }

    pub(crate) fn started(_: u32) -> Option<u64> {
        None
    }

    /// Returns `true`: there is no safe way to ask.
    pub(crate) fn is_alive(_: u32, _: u64) -> bool {
        true
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_hidden_is_not_taken_to_be_gone() {
        let me = std::process::id();
        assert!(unix::is_alive_by(None, me, 7));
        assert!(!unix::is_alive_by(None, 1 << 30, 7));
        let told = |state: &str| format!("7 (a) b) {state} {}42 0", "0 ".repeat(18));
        assert!(unix::is_alive_by(Some(&told("S")), me, 42));
        assert!(!unix::is_alive_by(Some(&told("S")), me, 43));
        assert!(!unix::is_alive_by(Some(&told("Z")), me, 42));
    }
}
