#include "sql/session/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "sql/parse/to_sql.hpp"

namespace ldb::sql {
namespace {

struct Known {
  const char* name;
  const char* initial;
  const char* fixed;  ///< the only value that can be set, or null
  const char* description;
};

// Settings with a fixed value are what clients set at the start of a session, to what ldb does anyway.
constexpr std::array kSettings{
    Known{"application_name", "", nullptr, "Name of the application, for logs."},
    Known{"bytea_output", "hex", "hex", "How BYTEA values are printed."},
    Known{"client_encoding", "UTF8", "UTF8", "Encoding of text."},
    Known{"client_min_messages", "notice", nullptr, "Lowest level of messages sent to the client."},
    Known{"datestyle", "ISO, MDY", "ISO, MDY", "How dates are printed and read."},
    Known{"default_transaction_isolation", "", nullptr, "Isolation of new transactions: read committed or repeatable read."},
    Known{"default_transaction_read_only", "off", nullptr, "Whether new transactions are read-only."},
    Known{"extra_float_digits", "1", nullptr, "Digits of floating-point output; above 0: shortest exact."},
    Known{"integer_datetimes", "on", "on", "Timestamps are integers."},
    Known{"intervalstyle", "postgres", "postgres", "How intervals are printed."},
    Known{"lc_collate", "C", "C", "Order of text."},
    Known{"max_identifier_length", "63", "63", "Longest name."},
    Known{"max_statement_memory", "1GB", nullptr, "Most memory that one statement may hold; kB unless a unit is given."},
    Known{"search_path", "\"$user\", public", nullptr, "Schemas that unqualified names are looked up in."},
    Known{"server_encoding", "UTF8", "UTF8", "Encoding of stored text."},
    Known{"server_version", "15.0 (ldb 0.1)", "15.0 (ldb 0.1)", "Version of PostgreSQL that this behaves as."},
    Known{"server_version_num", "150000", "150000", "The same as a number."},
    Known{"standard_conforming_strings", "on", "on", "Backslashes in strings are ordinary characters."},
    Known{"statement_timeout", "0", nullptr, "Longest time that a statement may run; ms unless a unit is given; 0: no bound."},
    Known{"synchronous_commit", "on", nullptr, "on: commits are on stable storage; local, off: handed to the operating system."},
    Known{"timezone", "UTC", "UTC", "Time zone of now()."},
    Known{"transaction_isolation", "", nullptr, "Isolation of this transaction."},
    Known{"transaction_read_only", "off", nullptr, "Whether this transaction is read-only."},
    Known{"work_mem", "64MB", nullptr, "Memory that a sort takes before it uses the disk; kB unless a unit is given."},
};

const Known* find(std::string_view name) {
  for (const Known& known : kSettings) {
    if (name == known.name) return &known;
  }
  return nullptr;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

Status invalid(const std::string& name, const std::string& value) {
  return Status::sql(StatusCode::kInvalidArgument, "22023", "invalid value for parameter \"" + name + "\": \"" + value + "\"");
}
Status unknown(std::string_view name) {
  return Status::sql(StatusCode::kNotFound, "42704", "unrecognized configuration parameter \"" + std::string(name) + "\"");
}

std::string isolation_name(IsolationLevel level) {
  if (level == IsolationLevel::kReadCommitted) return "read committed";
  return level == IsolationLevel::kSnapshot ? "repeatable read" : "serializable";
}

struct Unit {
  std::string_view name;
  std::int64_t size;
};
constexpr std::array kMemoryUnits{Unit{"TB", std::int64_t{1} << 40}, Unit{"GB", std::int64_t{1} << 30},
                                  Unit{"MB", std::int64_t{1} << 20}, Unit{"kB", std::int64_t{1} << 10}, Unit{"B", 1}};
constexpr std::array kTimeUnits{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"min", 60'000}, Unit{"s", 1'000},
                                Unit{"ms", 1}};

/// "64MB", "1 min", "100" in `plain_unit`; nothing when it is no such quantity, or beyond 2^50.
std::optional<std::int64_t> read_quantity(std::string_view text, std::span<const Unit> units, std::int64_t plain_unit) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::int64_t unit = text.empty() ? plain_unit : 0;
  for (const Unit& each : units) {
    if (text == each.name) unit = each.size;
  }
  std::int64_t result = 0;
  if (unit == 0 || __builtin_mul_overflow(number, unit, &result) || result > (std::int64_t{1} << 50)) return std::nullopt;
  return result;
}

/// In the largest unit that it is a whole number of.
std::string show_quantity(std::int64_t quantity, std::span<const Unit> units) {
  if (quantity == 0) return "0";
  for (const Unit& unit : units) {
    if (quantity % unit.size == 0) return std::to_string(quantity / unit.size) + std::string(unit.name);
  }
  return std::to_string(quantity);
}

/// a, "b c", "$user": without the last, which names a schema that nobody has.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  std::string name;
  bool quoted = false;
  const auto add = [&] {
    if (!name.empty() && name != "$user") names.push_back(name);
    name.clear();
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (c == '"' && quoted && i + 1 < list.size() && list[i + 1] == '"') {
      name.push_back(list[++i]);
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      add();
    } else if (c != ' ' || quoted) {
      name.push_back(c);
    }
  }
  add();
  return names;
}

}  // namespace

Settings::Settings(IsolationLevel isolation, SyncPolicy sync) : isolation_(isolation), sync_(sync) {
  for (const Known& known : kSettings) values_[known.name] = known.initial;
  values_["default_transaction_isolation"] = values_["transaction_isolation"] = isolation_name(isolation);
  values_["synchronous_commit"] = sync == SyncPolicy::kSync ? "on" : "off";
  search_path_ = names_in(values_["search_path"]);
  max_statement_memory_ = static_cast<std::size_t>(*read_quantity(values_["max_statement_memory"], kMemoryUnits, 1024));
  work_mem_ = static_cast<std::size_t>(*read_quantity(values_["work_mem"], kMemoryUnits, 1024));
}

Status Settings::apply(const std::string& name, const std::string& value) {
  const Known* known = find(name);
  if (known == nullptr) {
    if (name.find('.') == std::string::npos) return unknown(name);
    values_[name] = value;  // as in PostgreSQL, a name with a dot is the application's own
    return {};
  }
  std::string stored = value;
  if (known->fixed != nullptr) {
    const std::string a = lower(value);
    const std::string b = lower(known->fixed);
    const bool same = a == b || (name == "datestyle" && (a == "iso" || a == "iso,mdy")) ||
                      (name == "timezone" && (a == "gmt" || a == "etc/utc")) ||
                      (name == "client_encoding" && (a == "utf-8" || a == "unicode")) ||
                      (b == "on" && (a == "true" || a == "1" || a == "yes"));
    if (!same) {
      return Status::sql(StatusCode::kUnsupported, "0A000",
                         "parameter \"" + name + "\" can only be \"" + known->fixed + "\", not \"" + value + "\"");
    }
    stored = known->fixed;
  } else if (name == "default_transaction_isolation" || name == "transaction_isolation") {
    stored = lower(value);
    if (stored == "read committed" || stored == "read uncommitted") {
      isolation_ = IsolationLevel::kReadCommitted;
    } else if (stored == "repeatable read") {
      isolation_ = IsolationLevel::kSnapshot;
    } else if (stored == "serializable") {
      isolation_ = IsolationLevel::kSerializable;
    } else {
      return invalid(name, value);
    }
    values_["transaction_isolation"] = stored;
  } else if (name == "default_transaction_read_only" || name == "transaction_read_only") {
    stored = lower(value);
    const bool on = stored == "on" || stored == "true" || stored == "1" || stored == "yes";
    const bool off = stored == "off" || stored == "false" || stored == "0" || stored == "no";
    if (!on && !off) return invalid(name, value);
    read_only_ = on;
    stored = on ? "on" : "off";
  } else if (name == "synchronous_commit") {
    stored = lower(value);
    if (stored == "on" || stored == "remote_write" || stored == "remote_apply") {
      if (stored != "on")
        return Status::sql(StatusCode::kUnsupported, "0A000", "synchronous_commit = " + stored + " is not supported");
      sync_ = SyncPolicy::kSync;
    } else if (stored == "off" || stored == "local") {
      sync_ = stored == "off" ? SyncPolicy::kOs : SyncPolicy::kSync;
    } else {
      return invalid(name, value);
    }
  } else if (name == "search_path") {
    search_path_ = names_in(value);
  } else if (name == "max_statement_memory" || name == "work_mem") {
    constexpr std::int64_t kLeast = 64 << 10;
    const auto bytes = read_quantity(value, kMemoryUnits, 1024);
    if (!bytes || *bytes < kLeast) return invalid(name, value);
    (name == "work_mem" ? work_mem_ : max_statement_memory_) = static_cast<std::size_t>(*bytes);
    stored = show_quantity(*bytes, kMemoryUnits);
  } else if (name == "statement_timeout") {
    const auto ms = read_quantity(value, kTimeUnits, 1);
    if (!ms || *ms > INT32_MAX) return invalid(name, value);
    statement_timeout_ms_ = *ms;
    stored = show_quantity(*ms, kTimeUnits);
  }
  values_[name] = stored;
  return {};
}

Status Settings::set(std::string_view name, std::string value) { return apply(lower(name), value); }

Status Settings::set(const ast::SetVariable& s, bool in_transaction) {
  const std::string name = lower(s.name);
  const Known* known = find(name);
  const bool custom = known == nullptr && name.find('.') != std::string::npos;
  if (known == nullptr && !custom) return unknown(s.name);
  if (s.from_current) return {};
  if (s.interval) return Status::sql(StatusCode::kUnsupported, "0A000", "SET TIME ZONE INTERVAL is not supported");
  std::string value;
  if (s.to_default) {
    value = custom ? "" : known->initial;
    if (name == "default_transaction_isolation" || name == "transaction_isolation") value = "repeatable read";
  }
  for (const ast::OptionValue& item : s.values) {
    if (!value.empty()) value += ", ";
    value += name == "search_path" ? quote_identifier(item.text) : std::string(item.text);
    if (item.kind == ast::OptionValueKind::kInteger)
      value.replace(value.size() - item.text.size(), std::string::npos, std::to_string(item.integer));
  }
  if (s.scope == ast::SetScope::kLocal && !in_transaction) return {};  // a warning in PostgreSQL: no effect outside a transaction
  if (in_transaction) {
    before_transaction_.try_emplace(name, values_[name]);
    local_[name] = s.scope == ast::SetScope::kLocal;
  }
  return apply(name, value);
}

void Settings::end_transaction(bool committed) {
  for (const auto& [name, value] : before_transaction_) {
    if (committed && !local_[name]) continue;
    (void)apply(name, value);  // it was valid before
  }
  before_transaction_.clear();
  local_.clear();
}

Status Settings::reset(const ast::Reset& s) {
  if (s.all) {
    for (const Known& known : kSettings) {
      if (known.fixed == nullptr && *known.initial != 0) LDB_TRY(apply(known.name, known.initial));
    }
    return {};
  }
  const std::string name = lower(s.name);
  const Known* known = find(name);
  if (known == nullptr) {
    if (!values_.contains(name)) return unknown(s.name);
    values_[name].clear();
    return {};
  }
  if (known->fixed != nullptr || *known->initial == 0) return {};
  return apply(known->name, known->initial);
}

Result<std::string> Settings::show(std::string_view name) const {
  const auto found = values_.find(lower(name));
  if (found == values_.end()) return unknown(name);
  return found->second;
}

std::vector<std::array<std::string, 3>> Settings::all() const {
  std::vector<std::array<std::string, 3>> rows;
  for (const Known& known : kSettings) rows.push_back({known.name, values_.at(known.name), known.description});
  return rows;
}

}  // namespace ldb::sql
