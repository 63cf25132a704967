#include "table_printer.hpp"

#include <algorithm>
#include <vector>

namespace ldbsh {
namespace {

using ldb::TypeId;

bool is_numeric(TypeId type) {
  switch (type) {
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt:
    case TypeId::kReal:
    case TypeId::kDouble:
    case TypeId::kNumeric:
      return true;
    default:
      return false;
  }
}

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Terminal control characters are shown, not sent.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      static constexpr char kDigits[] = "0123456789abcdef";
      out += std::string("\\x") + kDigits[(c >> 4) & 15] + kDigits[c & 15];
    } else {
      out += c;
    }
  }
  return out;
}

std::string cell_text(const ldb::Value& value, const PrintOptions& options) {
  return value.is_null() ? options.null_text : value.to_string();
}

void print_unaligned(std::ostream& out, const ldb::ResultSet& result, const PrintOptions& options) {
  const auto print_line = [&](auto&& text_of) {
    for (std::size_t column = 0; column < result.columns().size(); ++column) {
      if (column > 0) out << options.separator;
      out << text_of(column);
    }
    out << '\n';
  };
  if (!options.tuples_only) print_line([&](std::size_t column) { return result.columns()[column].name; });
  for (const ldb::Row row : result) print_line([&](std::size_t column) { return cell_text(row[column], options); });
}

void pad(std::ostream& out, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out << ' ';
}

void print_aligned(std::ostream& out, const ldb::ResultSet& result, const PrintOptions& options) {
  const std::size_t columns = result.columns().size();
  std::vector<std::size_t> widths(columns);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t c = 0; c < columns && !options.tuples_only; ++c)
    widths[c] = display_width(printable(result.columns()[c].name));
  for (const ldb::Row row : result) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (std::size_t c = 0; c < columns; ++c) {
      cells.push_back(printable(cell_text(row[c], options)));
      widths[c] = std::max(widths[c], display_width(cells.back()));
    }
  }
  if (!options.tuples_only) {
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string name = printable(result.columns()[c].name);
      const std::size_t blank = widths[c] - display_width(name);
      out << (c > 0 ? "|" : "") << ' ';
      pad(out, blank / 2);
      out << name;
      pad(out, blank - blank / 2);
      out << ' ';
    }
    out << '\n';
    for (std::size_t c = 0; c < columns; ++c) out << (c > 0 ? "+" : "") << std::string(widths[c] + 2, '-');
    out << '\n';
  }
  for (const auto& cells : rows) {
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t blank = widths[c] - display_width(cells[c]);
      out << (c > 0 ? "|" : "") << ' ';
      if (is_numeric(result.columns()[c].type.id)) pad(out, blank);
      out << cells[c];
      if (!is_numeric(result.columns()[c].type.id) && c + 1 < columns) pad(out, blank);
      if (c + 1 < columns) out << ' ';
    }
    out << '\n';
  }
  if (!options.tuples_only) out << '(' << rows.size() << (rows.size() == 1 ? " row)" : " rows)") << "\n\n";
}

}  // namespace

void print_result(std::ostream& out, const ldb::ResultSet& result, const PrintOptions& options) {
  if (result.columns().empty()) {
    if (!options.tuples_only && !result.command_tag().empty()) out << result.command_tag() << '\n';
    return;
  }
  if (options.aligned) {
    print_aligned(out, result, options);
  } else {
    print_unaligned(out, result, options);
  }
}

}  // namespace ldbsh
