// The label that fastText gives a line: see filters/fasttext_lines.py, which says how it is found
// and has the same in Python. Results are those of fastText to the bit, so nothing here may be
// added up in another order or, as compilers like to, rounded once where fastText rounds twice.

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <utility>

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
        blocks_((count + 63) / 64) {
    for (int64_t bucket = 0; bucket < count; ++bucket) {
      Block& block = blocks_[bucket / 64];
      if (bucket % 64 == 0) block.before = static_cast<uint32_t>(rows_.size());
      if (rows[bucket] == 0) continue;
      block.has_row |= uint64_t{1} << bucket % 64;
      rows_.push_back(rows[bucket]);
    }
  }

  // To be asked for soon: begins to bring what is known of it here.
  uint32_t bucket_of(uint32_t hash) const {
    const uint32_t bucket = remainder(hash);
    __builtin_prefetch(&blocks_[bucket / 64]);
    return bucket;
  }

  uint32_t row_of(uint32_t bucket) const {
    const Block& block = blocks_[bucket / 64];
    const uint64_t bit = uint64_t{1} << bucket % 64;
    if ((block.has_row & bit) == 0) return 0;
    return rows_[block.before + __builtin_popcountll(block.has_row & (bit - 1))];
  }

 private:
  // Without a division (Lemire, Kaser, Kurz 2019, "Faster remainder by direct computation").
  uint32_t remainder(uint32_t hash) const {
    if (count_ == 1) return 0;
    const uint64_t fraction = inverse_ * hash;
    return static_cast<uint32_t>(static_cast<unsigned __int128>(fraction) * count_ >> 64);
  }

  struct Block {
    uint64_t has_row = 0;  // a bit for each of 64 buckets
    uint32_t before = 0;   // how many rows there are before them
  };

  const uint32_t count_;
  const uint64_t inverse_;
  std::vector<Block> blocks_;
  std::vector<uint32_t> rows_;
};

// Memory that begins with a line of the processor's caches, so that a row of 16 takes one.
template <typename T>
struct InOneLine {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  InOneLine() = default;
  template <typename U>
  InOneLine(const InOneLine<U>&) {}

  T* allocate(size_t count) { return static_cast<T*>(operator new(count * sizeof(T), kLine)); }
  void deallocate(T* at, size_t) { operator delete(at, kLine); }
  bool operator==(const InOneLine&) const { return true; }
  bool operator!=(const InOneLine&) const { return false; }
};

// The hierarchical softmax of a model. A child is an inner node, or -1 - n for the n-th label.
class Tree {
 public:
  Tree(const float* outputs, const int32_t* children, int64_t inner, int64_t width)
      : outputs_(outputs, outputs + inner * width), children_(children, children + 2 * inner),
        width_(width) {}

  // fastText's search for one label (`HierarchicalSoftmaxLoss::dfs`); false where it has none.
  bool likeliest(const float* hidden, int64_t* label, float* score) {
    best_.clear();
    search(static_cast<int64_t>(children_.size()) / 2 - 1, 0.0f, hidden);
    if (best_.empty()) return false;
    *label = best_.front().second;
    *score = std::exp(best_.front().first);
    return true;
  }

 private:
  using Found = std::pair<float, int64_t>;

  static float log_of(float value) { return static_cast<float>(std::log(value + 1e-5)); }
  static bool is_more(const Found& one, const Found& other) { return one.first > other.first; }

  void search(int64_t node, float score, const float* hidden) {
    if (score < log_of(0.0f) || (!best_.empty() && score < best_.front().first)) return;
    if (node < 0) {
      best_.emplace_back(score, -1 - node);
      std::push_heap(best_.begin(), best_.end(), is_more);
      if (best_.size() > 1) {
        std::pop_heap(best_.begin(), best_.end(), is_more);
        best_.pop_back();
      }
      return;
    }
    float dot = 0.0f;
    const float* values = outputs_.data() + node * width_;
    for (int64_t n = 0; n < width_; ++n) dot += values[n] * hidden[n];
    const float right = static_cast<float>(1.0 / (1 + std::exp(-dot)));
    search(children_[2 * node], score + log_of(static_cast<float>(1.0 - right)), hidden);
    search(children_[2 * node + 1], score + log_of(right), hidden);
  }

  const std::vector<float> outputs_;
  const std::vector<int32_t> children_;
  const int64_t width_;
  std::vector<Found> best_;
};

// The rows of words that came before: most words of a text are ones that many texts have.
class Known {
 public:
  bool full() const { return words_.bytes() + rows_.size() * sizeof(uint32_t) > kMostBytes; }

  void prefetch(uint64_t hash) const { words_.prefetch(hash); }
  void prefetch_entry(uint64_t hash) const { words_.prefetch_entry(hash); }
  void prefetch_text(uint64_t hash) const {
    const int64_t likely = words_.prefetch_text(hash);
    if (likely != Numbered::kNone) __builtin_prefetch(&ends_[likely]);
  }
  void prefetch_rows(int64_t number) const { __builtin_prefetch(rows_.data() + begin_of(number)); }

  int64_t find(std::string_view word, uint64_t hash) const { return words_.find(word, hash); }

  // Appends the rows of the word of a number.
  void append(int64_t number, std::vector<uint32_t>& rows) const {
    rows.insert(rows.end(), rows_.begin() + begin_of(number), rows_.begin() + ends_[number]);
  }

  // `word` must not be known; its rows are those from `first` on.
  void add(std::string_view word, uint64_t hash, const std::vector<uint32_t>& rows, size_t first) {
    words_.add(word, hash);
    rows_.insert(rows_.end(), rows.begin() + first, rows.end());
    ends_.push_back(rows_.size());
  }

 private:
  static constexpr size_t kMostBytes = 4 << 20;

  size_t begin_of(int64_t number) const { return number == 0 ? 0 : ends_[number - 1]; }

  Numbered words_;
  std::vector<size_t> ends_;  // of each word's rows
  std::vector<uint32_t> rows_;
};

// Rows are numbered from one; zero is no row.
class Rows {
 public:
  Rows(const float* inputs, int64_t count, int64_t width, const uint32_t* of_bucket,
       int64_t buckets, int64_t shortest, int64_t longest, uint32_t end)
      : inputs_(count * width), buckets_(of_bucket, buckets), width_(width), shortest_(shortest),
        longest_(longest), end_(end), hidden_(width) {
    std::copy_n(inputs, count * width, inputs_.begin());
  }

  // Words in the order of their rows.
  void add_word(std::string_view word) { words_.number_of(word); }

  // The mean of a line's rows, which are added in fastText's order and precision.
  const float* mean(std::string_view line) {
    float* sum = hidden_.data();
    std::fill_n(sum, width_, 0.0f);
    count_ = 0;
    ahead_.clear();
    rows_.clear();
    if (known_.full()) known_ = Known();
    for (size_t at = 0; at < line.size();) {
      if (is_space(line[at])) {
        ++at;
        continue;
      }
      const size_t begin = at;
      while (at < line.size() && !is_space(line[at])) ++at;
      const std::string_view word = line.substr(begin, at - begin);
      ahead_.push_back({word, hash_of(word), Numbered::kNone, 0, 0});
      known_.prefetch(ahead_.back().hash);
      if (ahead_.size() == kMostAhead) add_words(sum);
    }
    add_words(sum);
    rows_.push_back(end_);
    add_rows(sum);
    const float share = static_cast<float>(1.0 / static_cast<double>(count_));
    for (float& value : hidden_) value *= share;
    return sum;
  }

 private:
  struct Word {
    std::string_view text;
    uint64_t hash;
    int64_t number;      // among the known ones, or kNone
    size_t begin, end;   // of its buckets among those asked for
  };

  static constexpr size_t kMostAhead = 64;  // words that are looked up together
  static constexpr size_t kLongest = 64;    // bytes of a word that is remembered
  static constexpr size_t kAhead = 12;  // rows on their way from memory while one is added
  static constexpr int64_t kUsual = 16;  // the width of lid.176

  // Adds the rows of the words that are ahead, in their order. Looking up n-grams one by one would
  // wait for memory at each, since a processor cannot guess which of them have rows.
  void add_words(float* sum) {
    asked_.clear();
    for (const Word& word : ahead_) known_.prefetch_entry(word.hash);
    for (const Word& word : ahead_) known_.prefetch_text(word.hash);
    for (Word& word : ahead_) {
      word.number = known_.find(word.text, word.hash);
      word.begin = asked_.size();
      if (word.number == Numbered::kNone) {
        ask(word.text);
      } else {
        known_.prefetch_rows(word.number);
      }
      word.end = asked_.size();
    }
    for (const Word& word : ahead_) {
      int64_t number = word.number;
      if (number == Numbered::kNone) number = known_.find(word.text, word.hash);  // it came twice
      if (number == Numbered::kNone) {
        answer(word);
      } else {
        known_.append(number, rows_);
      }
    }
    ahead_.clear();
    add_rows(sum);
  }

  void ask(std::string_view word) {
    framed_.assign(1, '<').append(word).push_back('>');
    for (size_t start = 0; start < framed_.size(); ++start) {
      if (is_continued(framed_[start])) continue;
      uint32_t hash = kStart;
      size_t at = start;
      for (int64_t size = 1; size <= longest_ && at < framed_.size(); ++size) {
        do {
          hash = (hash ^ static_cast<uint32_t>(static_cast<int8_t>(framed_[at]))) * kPrime;
        } while (++at < framed_.size() && is_continued(framed_[at]));
        if (size >= shortest_) asked_.push_back(buckets_.bucket_of(hash));
      }
    }
  }

  // Appends the rows of a word, its own and those of its n-grams, and remembers them.
  void answer(const Word& word) {
    const size_t first = rows_.size();
    const int64_t number = words_.find(word.text, word.hash);
    if (number != Numbered::kNone) rows_.push_back(static_cast<uint32_t>(number) + 1);
    for (size_t at = word.begin; at < word.end; ++at) {
      const uint32_t row = buckets_.row_of(asked_[at]);
      if (row != 0) rows_.push_back(row);
    }
    if (word.text.size() <= kLongest) known_.add(word.text, word.hash, rows_, first);
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
    const size_t count = rows_.size();
    for (size_t at = 0; at < count; ++at) {
      if (at + kAhead < count) __builtin_prefetch(inputs_.data() + (rows_[at + kAhead] - 1) * width);
      const float* values = inputs_.data() + (rows_[at] - 1) * width;
      for (int64_t n = 0; n < width; ++n) to[n] += values[n];
    }
    if (kWidth != 0) std::copy_n(to, width, sum);
  }

  std::vector<float, InOneLine<float>> inputs_;
  const Buckets buckets_;
  const int64_t width_, shortest_, longest_;
  const uint32_t end_;
  Numbered words_;
  Known known_;
  std::vector<Word> ahead_;
  std::vector<uint32_t> asked_;  // buckets
  std::vector<uint32_t> rows_;  // of the line, as far as they are not added up
  int64_t count_ = 0;
  std::string framed_;
  std::vector<float> hidden_;
};

struct Model {
  Rows rows;
  Tree tree;
};

}  // namespace cuvee

using cuvee::Model;

extern "C" {

// `words` have a line break behind each.
Model* fasttext_new(const float* inputs, int64_t count, int64_t width, const uint32_t* of_bucket,
                    int64_t buckets, int64_t shortest, int64_t longest, int64_t end,
                    const char* words, int64_t words_size, const float* outputs,
                    const int32_t* children, int64_t inner) {
  Model* model = nullptr;
  try {
    model = new Model{{inputs, count, width, of_bucket, buckets, shortest, longest,
                       static_cast<uint32_t>(end)},
                      {outputs, children, inner, width}};
    const std::string_view text(words, words_size);
    for (size_t at = 0; at < text.size();) {
      const size_t stop = text.find('\n', at);
      model->rows.add_word(text.substr(at, stop - at));
      at = stop + 1;
    }
    return model;
  } catch (const std::exception&) {
    delete model;
    return nullptr;
  }
}

void fasttext_free(Model* model) { delete model; }

// Writes the likeliest label's number and score. Returns 1, 0 where there is none, or -1
// without memory.
int64_t fasttext_predict(Model* model, const char* line, int64_t size, int64_t* label,
                         float* score) {
  try {
    const float* mean = model->rows.mean({line, static_cast<size_t>(size)});
    return model->tree.likeliest(mean, label, score);
  } catch (const std::exception&) {
    return -1;
  }
}

}  // extern "C"
