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

// Rows are numbered from one; zero is no row.
class Rows {
 public:
  Rows(const float* inputs, int64_t count, int64_t width, const uint32_t* of_bucket,
       int64_t buckets, int64_t shortest, int64_t longest, uint32_t end)
      : inputs_(inputs, inputs + count * width), of_bucket_(of_bucket, of_bucket + buckets),
        width_(width), shortest_(shortest), longest_(longest), end_(end) {}

  // Words in the order of their rows.
  void add_word(std::string_view word) { words_.number_of(word); }

  // Adds row by row, in fastText's order and precision; returns how many there are.
  int64_t add_up(std::string_view line, float* sum) {
    std::fill_n(sum, width_, 0.0f);
    int64_t rows = 0;
    for (size_t at = 0; at < line.size();) {
      if (is_space(line[at])) {
        ++at;
        continue;
      }
      const size_t begin = at;
      while (at < line.size() && !is_space(line[at])) ++at;
      rows += add_word_up(line.substr(begin, at - begin), sum);
    }
    return rows + add(end_, sum);
  }

 private:
  int64_t add_word_up(std::string_view word, float* sum) {
    const int64_t number = words_.find(word, hash_of(word));
    int64_t rows = number == Numbered::kNone ? 0 : add(static_cast<uint32_t>(number) + 1, sum);
    framed_.assign(1, '<').append(word).push_back('>');
    for (size_t start = 0; start < framed_.size(); ++start) {
      if (is_continued(framed_[start])) continue;
      uint32_t hash = kStart;
      size_t at = start;
      for (int64_t size = 1; size <= longest_ && at < framed_.size(); ++size) {
        do {
          hash = (hash ^ static_cast<uint32_t>(static_cast<int8_t>(framed_[at]))) * kPrime;
        } while (++at < framed_.size() && is_continued(framed_[at]));
        if (size >= shortest_) rows += add(of_bucket_[hash % of_bucket_.size()], sum);
      }
    }
    return rows;
  }

  int64_t add(uint32_t row, float* sum) const {
    if (row == 0) return 0;
    const float* values = inputs_.data() + (row - 1) * width_;
    for (int64_t n = 0; n < width_; ++n) sum[n] += values[n];
    return 1;
  }

  const std::vector<float> inputs_;
  const std::vector<uint32_t> of_bucket_;
  const int64_t width_, shortest_, longest_;
  const uint32_t end_;
  Numbered words_;
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
