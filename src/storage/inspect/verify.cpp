#include <map>

#include "storage/file_names.hpp"
#include "storage/inspect/inspect.hpp"

namespace ldb::storage {
namespace {

/// Splits "path: offset N: what", as our readers report damage.
Damage damage_of(const std::string& file, const Status& status) {
  std::string what(status.message());
  Damage damage{file, 0, what};
  const std::string prefix = file + ": ";
  if (what.starts_with(prefix)) damage.what = what.substr(prefix.size());
  if (damage.what.starts_with("offset ")) {
    damage.offset = std::strtoull(damage.what.c_str() + 7, nullptr, 10);
    if (const std::size_t colon = damage.what.find(": "); colon != std::string::npos) damage.what.erase(0, colon + 2);
  }
  return damage;
}

std::string describe(const TableMeta& table) {
  return table_name(table.number) + ", " + std::to_string(table.file_size) + " bytes, " + std::to_string(table.entries) +
         " entries, " + std::to_string(table.deletions) + " deletions, " + std::to_string(table.range_tombstones) +
         " range tombstones, sequences up to " + std::to_string(table.max_sequence) + ", " + show_bytes(table.smallest) + " .. " +
         show_bytes(table.largest) + (table.largest_exclusive ? " (exclusive)" : "");
}

std::string describe(LogPosition p) { return std::to_string(p.segment) + ":" + std::to_string(p.offset); }

void show_edit(std::uint64_t offset, std::uint64_t vouched, const VersionEdit* edit, const LineSink& out) {
  out("  offset " + std::to_string(offset) + ": " + (edit == nullptr ? "mark" : "version edit") + ", synced up to " +
      std::to_string(vouched));
  if (edit == nullptr) return;
  if (edit->next_file_number) out("    next file " + std::to_string(*edit->next_file_number));
  if (edit->last_sequence) out("    last sequence " + std::to_string(*edit->last_sequence));
  if (edit->log_flushed) out("    log flushed up to " + describe(*edit->log_flushed));
  if (edit->log_begin) out("    log begins at " + describe(*edit->log_begin));
  for (const auto& removed : edit->removed) {
    out("    removes from level " + std::to_string(removed.level) + ": " + table_name(removed.number));
  }
  for (const auto& added : edit->added) out("    adds to level " + std::to_string(added.level) + ": " + describe(added.table));
}

class Verification {
 public:
  Verification(FileSystem& fs, std::string directory, const LineSink& note)
      : fs_(fs), directory_(std::move(directory)), note_(note) {}

  Result<VerifyReport> run() {
    LDB_ASSIGN_OR_RETURN(names_, fs_.list(directory_));
    read_state();
    for (const std::string& name : names_) {
      const FileName file = parse_file_name(name);
      if (file.type == FileType::kUnknown || file.type == FileType::kLock) continue;
      ++report_.files;
      if (const auto size = fs_.file_size(path(name)); size) report_.bytes += *size;
      if (file.type == FileType::kTable) check_table_file(name, file.number);
      if (file.type == FileType::kManifest && file.number != state_.manifest_number && known_)
        note_(path(name) + ": is left over");
      if (file.type == FileType::kTemporary) note_(path(name) + ": is left over");
    }
    for (const auto& [number, meta] : live_) add({path(table_name(number)), 0, "missing, but the manifest names it"});
    append(check_log(fs_, directory_, state_.log_begin, state_.log_flushed, note_));
    return std::move(report_);
  }

 private:
  std::string path(std::string_view name) const { return join_path(directory_, name); }
  void add(Damage damage) { report_.damage.push_back(std::move(damage)); }
  void append(std::vector<Damage> damage) {
    for (Damage& d : damage) add(std::move(d));
  }

  void read_state() {
    const auto current = read_current(fs_, directory_);
    if (!current) return add(damage_of(path(kCurrentName), current.error()));
    if (*current == 0) return check_empty();
    auto state = walk_manifest(fs_, directory_, *current, nullptr, nullptr);
    if (!state) return add(damage_of(path(manifest_name(*current)), state.error()));
    state_ = std::move(*state);
    known_ = true;
    for (const auto& tables : state_.version->levels) {
      for (const TablePtr& table : tables) live_[table->meta.number] = table->meta;
    }
  }

  void check_empty() {
    for (const std::string& name : names_) {
      const FileType type = parse_file_name(name).type;
      if (type != FileType::kTable && type != FileType::kLog) continue;
      add({path(kCurrentName), 0, "missing, but there is " + name});
      return;
    }
    note_(directory_ + ": no database here");
  }

  void check_table_file(const std::string& name, std::uint64_t number) {
    const auto it = live_.find(number);
    if (it != live_.end()) {
      append(check_table(fs_, path(name), &it->second));
      live_.erase(it);
    } else if (known_) {
      // Left by a flush or compaction that was interrupted; opening removes it, whatever is in it.
      note_(path(name) + ": is not in the manifest");
    } else {
      append(check_table(fs_, path(name), nullptr));
    }
  }

  FileSystem& fs_;
  const std::string directory_;
  const LineSink& note_;
  std::vector<std::string> names_;
  ManifestState state_;
  bool known_ = false;
  std::map<std::uint64_t, TableMeta> live_;
  VerifyReport report_;
};

}  // namespace

std::string show_bytes(std::string_view bytes, std::size_t max_bytes) {
  std::string out = "\"";
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : bytes.substr(0, max_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out += '"';
  if (bytes.size() > max_bytes) out += "... (" + std::to_string(bytes.size()) + " bytes)";
  return out;
}

Status dump_manifest(FileSystem& fs, const std::string& directory, const LineSink& out) {
  LDB_ASSIGN_OR_RETURN(const std::uint64_t number, read_current(fs, directory));
  if (number == 0) return Status(StatusCode::kNotFound, join_path(directory, kCurrentName) + ": missing; no database here");
  out(join_path(directory, manifest_name(number)));
  LDB_ASSIGN_OR_RETURN(
      const ManifestState state,
      walk_manifest(fs, directory, number, nullptr, [&](std::uint64_t offset, std::uint64_t vouched, const VersionEdit* edit) {
        show_edit(offset, vouched, edit, out);
      }));
  out("tree: last sequence " + std::to_string(state.last_sequence) + ", log flushed up to " + describe(state.log_flushed) +
      ", log begins at " + describe(state.log_begin));
  for (int level = 0; level < kLevels; ++level) {
    for (const TablePtr& table : state.version->levels[static_cast<std::size_t>(level)]) {
      out("  level " + std::to_string(level) + ": " + describe(table->meta));
    }
  }
  return {};
}

Result<VerifyReport> verify_directory(FileSystem& fs, const std::string& directory, const LineSink& note) {
  return Verification(fs, directory, note).run();
}

}  // namespace ldb::storage
