// Names of the files in an engine's directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ldb::storage {

enum class FileType : std::uint8_t { kCurrent, kLock, kManifest, kTable, kLog, kTemporary, kUnknown };

struct FileName {
  FileType type = FileType::kUnknown;
  std::uint64_t number = 0;
};

/// What a directory entry is; kUnknown for what ldb did not write (never touched).
FileName parse_file_name(std::string_view name);

std::string table_name(std::uint64_t number);     ///< 000012.sst
std::string log_name(std::uint64_t number);       ///< 000012.wal
std::string manifest_name(std::uint64_t number);  ///< MANIFEST-000012
inline constexpr std::string_view kCurrentName = "CURRENT";
inline constexpr std::string_view kLockName = "LOCK";

inline std::string join_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  path += '/';
  path += name;
  return path;
}

}  // namespace ldb::storage
