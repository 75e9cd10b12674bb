// The sum of the rows that fastText has for a line: see filters/fasttext_lines.py, which says
// what they are and has the same in Python.

#include <algorithm>
#include <exception>

#include "strings.h"

namespace cuvee {
namespace {

constexpr uint32_t kStart = 2166136261u, kPrime = 16777619u;  // FNV-1a

bool is_space(char c) { return c == ' ' || (c >= 9 && c <= 13); }
bool is_continued(char c) { return (c & 0xC0) == 0x80; }

}  // namespace

// The row of each bucket of n-grams, in the caches of a processor: most buckets have none.
class Buckets {
 public:
  Buckets(const uint32_t* rows, int64_t count)
      : count_(static_cast<uint32_t>(count)), inverse_(UINT64_MAX / count_ + 1),
        has_row_((count + 63) / 64), before_(has_row_.size()) {
    for (int64_t bucket = 0; bucket < count; ++bucket) {
      if (bucket % 64 == 0) before_[bucket / 64] = static_cast<uint32_t>(rows_.size());
      if (rows[bucket] == 0) continue;
      has_row_[bucket / 64] |= uint64_t{1} << bucket % 64;
      rows_.push_back(rows[bucket]);
    }
  }

  uint32_t row_of(uint32_t hash) const {
    const uint32_t bucket = remainder(hash);
    const uint64_t word = has_row_[bucket / 64], bit = uint64_t{1} << bucket % 64;
    if ((word & bit) == 0) return 0;
    return rows_[before_[bucket / 64] + __builtin_popcountll(word & (bit - 1))];
  }

 private:
  // Without a division (Lemire, Kaser, Kurz 2019, "Faster remainder by direct computation").
  uint32_t remainder(uint32_t hash) const {
    if (count_ == 1) return 0;
    const uint64_t fraction = inverse_ * hash;
    return static_cast<uint32_t>(static_cast<unsigned __int128>(fraction) * count_ >> 64);
  }

  const uint32_t count_;
  const uint64_t inverse_;
  std::vector<uint64_t> has_row_;  // a bit for each bucket
  std::vector<uint32_t> before_;   // how many rows there are before each 64 of them
  std::vector<uint32_t> rows_;
};

// Rows are numbered from one; zero is no row.
class Rows {
 public:
  Rows(const float* inputs, int64_t count, int64_t width, const uint32_t* of_bucket,
       int64_t buckets, int64_t shortest, int64_t longest, uint32_t end)
      : inputs_(inputs, inputs + count * width), buckets_(of_bucket, buckets), width_(width),
        shortest_(shortest), longest_(longest), end_(end) {}

  // Words in the order of their rows.
  void add_word(std::string_view word) { words_.number_of(word); }

  // Adds row by row, in fastText's order and precision; returns how many there are.
  int64_t add_up(std::string_view line, float* sum) {
    std::fill_n(sum, width_, 0.0f);
    count_ = 0;
    rows_.clear();
    for (size_t at = 0; at < line.size();) {
      if (is_space(line[at])) {
        ++at;
        continue;
      }
      const size_t begin = at;
      while (at < line.size() && !is_space(line[at])) ++at;
      find_rows(line.substr(begin, at - begin));
      if (rows_.size() >= kMostRows) add_rows(sum);
    }
    rows_.push_back(end_);
    add_rows(sum);
    return count_;
  }

 private:
  static constexpr size_t kMostRows = 1 << 12;
  static constexpr int64_t kUsual = 16;  // the width of lid.176

  void find_rows(std::string_view word) {
    const int64_t number = words_.find(word, hash_of(word));
    if (number != Numbered::kNone) rows_.push_back(static_cast<uint32_t>(number) + 1);
    framed_.assign(1, '<').append(word).push_back('>');
    for (size_t start = 0; start < framed_.size(); ++start) {
      if (is_continued(framed_[start])) continue;
      uint32_t hash = kStart;
      size_t at = start;
      for (int64_t size = 1; size <= longest_ && at < framed_.size(); ++size) {
        do {
          hash = (hash ^ static_cast<uint32_t>(static_cast<int8_t>(framed_[at]))) * kPrime;
        } while (++at < framed_.size() && is_continued(framed_[at]));
        if (size < shortest_) continue;
        const uint32_t row = buckets_.row_of(hash);
        if (row != 0) rows_.push_back(row);
      }
    }
  }

  void add_rows(float* sum) {
    width_ == kUsual ? add_wide<kUsual>(sum) : add_wide<0>(sum);
    count_ += static_cast<int64_t>(rows_.size());
    rows_.clear();
  }

  // With a width that is known when this is compiled (0 is any), the sum stays in registers.
  template <int64_t kWidth>
  void add_wide(float* sum) const {
    const int64_t width = kWidth != 0 ? kWidth : width_;
    float held[kUsual];
    float* to = kWidth != 0 ? held : sum;
    if (kWidth != 0) std::copy_n(sum, width, to);
    for (const uint32_t row : rows_) {
      const float* values = inputs_.data() + (row - 1) * width;
      for (int64_t n = 0; n < width; ++n) to[n] += values[n];
    }
    if (kWidth != 0) std::copy_n(to, width, sum);
  }

  const std::vector<float> inputs_;
  const Buckets buckets_;
  const int64_t width_, shortest_, longest_;
  const uint32_t end_;
  Numbered words_;
  std::vector<uint32_t> rows_;  // of the line, as far as they are not added up
  int64_t count_ = 0;
  std::string framed_;
};

}  // namespace cuvee

using cuvee::Rows;

extern "C" {

// `words` have a line break behind each.
Rows* fasttext_new(const float* inputs, int64_t count, int64_t width, const uint32_t* of_bucket,
                   int64_t buckets, int64_t shortest, int64_t longest, int64_t end,
                   const char* words, int64_t words_size) {
  Rows* rows = nullptr;
  try {
    rows = new Rows(inputs, count, width, of_bucket, buckets, shortest, longest,
                    static_cast<uint32_t>(end));
    const std::string_view text(words, words_size);
    for (size_t at = 0; at < text.size();) {
      const size_t stop = text.find('\n', at);
      rows->add_word(text.substr(at, stop - at));
      at = stop + 1;
    }
    return rows;
  } catch (const std::exception&) {
    delete rows;
    return nullptr;
  }
}

void fasttext_free(Rows* rows) { delete rows; }

// Returns the number of rows that were added up, or -1 without memory.
int64_t fasttext_add_up(Rows* rows, const char* line, int64_t size, float* sum) {
  try {
    return rows->add_up({line, static_cast<size_t>(size)}, sum);
  } catch (const std::exception&) {
    return -1;
  }
}

}  // extern "C"
