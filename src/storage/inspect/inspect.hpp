// Looks into the files of an LSM engine without opening it: for ldbdump, for consoles, for those who repair.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ldb/file_system.hpp"
#include "storage/manifest/manifest.hpp"

namespace ldb::storage {

/// Takes one line of text, without its end.
using LineSink = std::function<void(const std::string&)>;

/// Something that must not be so. `offset` is where in the file; the file as a whole when it is 0.
struct Damage {
  std::string file;
  std::uint64_t offset = 0;
  std::string what;
  std::string to_string() const { return file + ": offset " + std::to_string(offset) + ": " + what; }
};

/// Keys and values as text: printable bytes as they are, others as \xNN, cut behind `max_bytes`.
std::string show_bytes(std::string_view bytes, std::size_t max_bytes = 64);

/// Records of a log segment, or of all segments in a directory in their order. kNotFound when there is none. Damage ends a
/// segment and is shown as a line; the failure of the last one seen is returned.
Status dump_log(FileSystem& fs, const std::string& path, const LineSink& out);
/// Version edits of the manifest that CURRENT names, and the tree they make.
Status dump_manifest(FileSystem& fs, const std::string& directory, const LineSink& out);
/// Footer, properties and blocks of a table; with `entries` every entry.
Status dump_table(FileSystem& fs, const std::string& path, bool entries, const LineSink& out);

/// Reads every block of a table: checksums, order, filter, counts; with `meta`, what the manifest says about it.
std::vector<Damage> check_table(FileSystem& fs, const std::string& path, const TableMeta* meta);
/// Reads every record of the log from `begin` on. What stands below a vouched position (some record's, or `flushed`) must be
/// whole; a torn end behind it is a note.
std::vector<Damage> check_log(FileSystem& fs, const std::string& directory, LogPosition begin, LogPosition flushed,
                              const LineSink& note);

struct VerifyReport {
  std::vector<Damage> damage;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
/// Reads every file of an engine's directory, also when it cannot be opened. Read-only; of an engine in use the answer may be
/// wrong. kNotFound when there is no such directory. `note` is told of what is odd but harmless.
Result<VerifyReport> verify_directory(FileSystem& fs, const std::string& directory, const LineSink& note);

}  // namespace ldb::storage
