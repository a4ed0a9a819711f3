//! The macro that makes the commands from their table in `mod.rs`.

/// Defines the commands from a table. For each command, a row has
///
/// - its help, as a doc comment, and further attributes for clap;
/// - its name, its arguments, and the function that runs it;
/// - `store`: whether it needs a store. If not, it accepts `--store`, because scripts pass it to every command, but its help
///   does not list the option;
/// - `confinable`: whether it accesses the files of a flow, which `--confined` restricts. If not, it accepts the option, but
///   its help does not list it.
macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($args:ty) => $run:path, store: $store:literal, confinable: $confinable:literal;)*) => {
        /// A command with its arguments.
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$attribute])* $name($args),)*
        }

        /// The name of a command.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        enum CommandName {
            $($name,)*
        }

        impl Command {
            /// Returns the command's name.
            fn name(&self) -> CommandName {
                match self {
                    $(Self::$name(_) => CommandName::$name,)*
                }
            }

            /// Runs the command.
            fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
                match self {
                    $(Self::$name(args) => $run(shared, args),)*
                }
            }
        }

        impl CommandName {
            /// Returns whether the command needs a store.
            fn needs_store(self) -> bool {
                match self {
                    $(Self::$name => $store,)*
                }
            }

            /// Returns whether `--confined` restricts the command.
            fn is_confinable(self) -> bool {
                match self {
                    $(Self::$name => $confinable,)*
                }
            }
        }
    };
}
