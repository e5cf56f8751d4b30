// Translate on a board by LiteRT's C API and SentencePiece.
//
//   translate en_es.tflite "Let's go!"
//   translate en_es.tflite --check
//
// The files beside the .tflite file are read too: manifest, tokenisers and, for --check, test vectors.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sentencepiece_processor.h>

#include "litert/c/litert_common.h"
#include "litert/c/litert_compiled_model.h"
#include "litert/c/litert_environment.h"
#include "litert/c/litert_model.h"
#include "litert/c/litert_options.h"
#include "litert/c/litert_tensor_buffer.h"

namespace {

using Json = nlohmann::json;

constexpr int kPad = 0;
constexpr int kEos = 1;

void Require(LiteRtStatus status, const char* what) {
  if (status != kLiteRtStatusOk) throw std::runtime_error(what);
}

// A tensor of one signature, with memory of its own.
class Buffer {
 public:
  Buffer(LiteRtEnvironment environment, LiteRtTensor tensor, LiteRtTensorBufferRequirements requirements) {
    LiteRtRankedTensorType type;
    Require(LiteRtGetRankedTensorType(tensor, &type), "a tensor without a shape");
    Require(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, requirements, &handle_),
            "no memory for a tensor");
    count_ = 1;
    for (unsigned i = 0; i < type.layout.rank; ++i) count_ *= type.layout.dimensions[i];
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { LiteRtDestroyTensorBuffer(handle_); }

  LiteRtTensorBuffer handle() const { return handle_; }
  size_t count() const { return count_; }

  template <typename T>
  void Write(const std::vector<T>& values) {
    if (values.size() != count_) throw std::runtime_error("a tensor of another size");
    void* memory;
    Require(LiteRtLockTensorBuffer(handle_, &memory, kLiteRtTensorBufferLockModeWrite), "cannot write a tensor");
    std::memcpy(memory, values.data(), count_ * sizeof(T));
    LiteRtUnlockTensorBuffer(handle_);
  }

  template <typename T>
  std::vector<T> Read() const {
    std::vector<T> values(count_);
    void* memory;
    Require(LiteRtLockTensorBuffer(handle_, &memory, kLiteRtTensorBufferLockModeRead), "cannot read a tensor");
    std::memcpy(values.data(), memory, count_ * sizeof(T));
    LiteRtUnlockTensorBuffer(handle_);
    return values;
  }

 private:
  LiteRtTensorBuffer handle_ = nullptr;
  size_t count_ = 0;
};

// One signature of a model, its tensors by name.
class Signature {
 public:
  Signature(LiteRtEnvironment environment, LiteRtModel model, LiteRtCompiledModel compiled, const std::string& key)
      : compiled_(compiled) {
    LiteRtParamIndex signatures;
    Require(LiteRtGetNumModelSignatures(model, &signatures), "no signatures");
    for (index_ = 0; index_ < signatures; ++index_) {
      LiteRtSignature signature;
      const char* name;
      Require(LiteRtGetModelSignature(model, index_, &signature), "no signature");
      Require(LiteRtGetSignatureKey(signature, &name), "a signature without a name");
      if (key != name) continue;
      Allocate(environment, signature);
      return;
    }
    throw std::runtime_error("the model has no signature " + key);
  }

  Buffer& input(const std::string& name) { return *inputs_.at(name); }
  const Buffer& output(const std::string& name) const { return *outputs_.at(name); }

  void Run() {
    Require(LiteRtRunCompiledModel(compiled_, index_, input_handles_.size(), input_handles_.data(),
                                   output_handles_.size(), output_handles_.data()),
            "the model does not run");
  }

 private:
  void Allocate(LiteRtEnvironment environment, LiteRtSignature signature) {
    LiteRtParamIndex inputs, outputs;
    Require(LiteRtGetNumSignatureInputs(signature, &inputs), "no inputs");
    Require(LiteRtGetNumSignatureOutputs(signature, &outputs), "no outputs");
    for (LiteRtParamIndex i = 0; i < inputs; ++i) {
      LiteRtTensor tensor;
      const char* name;
      LiteRtTensorBufferRequirements requirements;
      Require(LiteRtGetSignatureInputName(signature, i, &name), "an input without a name");
      Require(LiteRtGetSignatureInputTensorByIndex(signature, i, &tensor), "no input tensor");
      Require(LiteRtGetCompiledModelInputBufferRequirements(compiled_, index_, i, &requirements), "no requirements");
      inputs_[name] = std::make_unique<Buffer>(environment, tensor, requirements);
      input_handles_.push_back(inputs_[name]->handle());
    }
    for (LiteRtParamIndex i = 0; i < outputs; ++i) {
      LiteRtTensor tensor;
      const char* name;
      LiteRtTensorBufferRequirements requirements;
      Require(LiteRtGetSignatureOutputName(signature, i, &name), "an output without a name");
      Require(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), "no output tensor");
      Require(LiteRtGetCompiledModelOutputBufferRequirements(compiled_, index_, i, &requirements), "no requirements");
      outputs_[name] = std::make_unique<Buffer>(environment, tensor, requirements);
      output_handles_.push_back(outputs_[name]->handle());
    }
  }

  LiteRtCompiledModel compiled_;
  LiteRtParamIndex index_ = 0;
  std::map<std::string, std::unique_ptr<Buffer>> inputs_, outputs_;
  std::vector<LiteRtTensorBuffer> input_handles_, output_handles_;
};

// The first code points of a UTF-8 text: a byte of the form 10xxxxxx goes on with the one before it.
std::string FirstCharacters(const std::string& text, size_t count) {
  size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (begins && count-- == 0) break;
  }
  return text.substr(0, end);
}

struct Hypothesis {
  std::vector<int> tokens;
  std::string text;
  double log_prob;
};

std::string Beside(const std::string& model, const std::string& name) {
  return model.substr(0, model.rfind('.') + 1) + name;
}

Json ReadJson(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  return Json::parse(stream);
}

class Translator {
 public:
  explicit Translator(const std::string& path) {
    const Json manifest = ReadJson(Beside(path, "manifest.json"));
    if (manifest["search"].value("copy_unknown", false)) throw std::runtime_error("no unknown words are copied here");
    refuses_ = manifest["limits"]["overlong"] == "error";
    max_characters_ = manifest["limits"]["max_source_characters"];
    least_log_prob_ = manifest["search"]["least_log_prob"];
    Load(source_, Beside(path, "source.model"));
    Load(target_, Beside(path, "target.model"));
    Require(LiteRtCreateEnvironment(0, nullptr, &environment_), "no environment");
    Require(LiteRtCreateModelFromFile(environment_, path.c_str(), &model_), "cannot read the model");
    Require(LiteRtCreateOptions(&options_), "no options");
    Require(LiteRtSetOptionsHardwareAccelerators(options_, kLiteRtHwAcceleratorCpu), "no CPU");
    Require(LiteRtCreateCompiledModel(environment_, model_, options_, &compiled_), "cannot compile the model");
    for (const char* name : {"greedy", "beam"}) {
      signatures_[name] = std::make_unique<Signature>(environment_, model_, compiled_, name);
    }
  }
  Translator(const Translator&) = delete;
  ~Translator() {
    signatures_.clear();
    LiteRtDestroyCompiledModel(compiled_);
    LiteRtDestroyOptions(options_);
    LiteRtDestroyModel(model_);
    LiteRtDestroyEnvironment(environment_);
  }

  // Ids with <EOS> at the end; none where the model refuses the text for its length.
  std::vector<int> Encode(const std::string& text) {
    std::vector<int> ids;
    const std::string beginning = FirstCharacters(text, max_characters_);
    if (!source_.Encode(beginning, &ids).ok()) throw std::runtime_error("cannot tokenise");
    const size_t limit = signatures_["greedy"]->input("source").count();
    if (refuses_ && (beginning.size() < text.size() || ids.size() + 1 > limit)) return {};
    if (ids.size() + 1 > limit) ids.resize(limit - 1);
    ids.push_back(kEos);
    return ids;
  }

  // The hypotheses of "greedy" or "beam", best first.
  std::vector<Hypothesis> Search(const std::vector<int>& ids, const std::string& method) {
    Signature& signature = *signatures_.at(method);
    std::vector<int32_t> source(ids.begin(), ids.end());
    source.resize(signature.input("source").count(), kPad);
    signature.input("source").Write(source);
    signature.input("source_length").Write(std::vector<int32_t>{static_cast<int32_t>(ids.size())});
    signature.Run();
    const auto tokens = signature.output("tokens").Read<int32_t>();
    const auto log_probs = signature.output("log_probs").Read<float>();
    const size_t limit = tokens.size() / log_probs.size();
    std::vector<Hypothesis> found;
    for (size_t i = 0; i < log_probs.size(); ++i) {
      if (log_probs[i] <= least_log_prob_) continue;
      Hypothesis hypothesis{{}, "", log_probs[i]};
      for (size_t t = i * limit; t < (i + 1) * limit && tokens[t] != kPad; ++t) hypothesis.tokens.push_back(tokens[t]);
      std::vector<int> words = hypothesis.tokens;
      words.erase(std::find(words.begin(), words.end(), kEos), words.end());
      if (!target_.Decode(words, &hypothesis.text).ok()) throw std::runtime_error("cannot write the answer");
      found.push_back(hypothesis);
    }
    return found;
  }

 private:
  static void Load(sentencepiece::SentencePieceProcessor& processor, const std::string& path) {
    if (!processor.Load(path).ok()) throw std::runtime_error("cannot read " + path);
  }

  sentencepiece::SentencePieceProcessor source_, target_;
  bool refuses_ = false;
  size_t max_characters_ = 0;
  double least_log_prob_ = 0;
  LiteRtEnvironment environment_ = nullptr;
  LiteRtModel model_ = nullptr;
  LiteRtOptions options_ = nullptr;
  LiteRtCompiledModel compiled_ = nullptr;
  std::map<std::string, std::unique_ptr<Signature>> signatures_;
};

bool Equal(const std::vector<Hypothesis>& found, const Json& wanted) {
  if (found.size() != wanted.size()) return false;
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].tokens != wanted[i]["tokens"].get<std::vector<int>>()) return false;
    if (found[i].text != wanted[i]["text"].get<std::string>()) return false;
    if (std::abs(found[i].log_prob - wanted[i]["log_prob"].get<double>()) > 0.01) return false;
  }
  return true;
}

// Compares with the test vectors, and returns whether little enough differs.
bool Check(Translator& translator, const Json& vectors) {
  int wrong_ids = 0, answers = 0, different = 0;
  for (const Json& vector : vectors) {
    const Json& source = vector["source"];
    const auto wanted = source.is_null() ? std::vector<int>{} : source.get<std::vector<int>>();
    wrong_ids += translator.Encode(vector["text"].get<std::string>()) != wanted;
    if (wanted.empty()) continue;
    answers += 2;
    different += !Equal(translator.Search(wanted, "greedy"), Json::array({vector["greedy"]}));
    different += !Equal(translator.Search(wanted, "beam"), vector["beam"]);
  }
  std::cout << vectors.size() << " texts: " << wrong_ids << " with wrong ids; " << answers << " answers: " << different
            << " different\n";
  return wrong_ids == 0 && different <= answers / 100;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::cerr << "usage: translate MODEL.tflite TEXT... | --check\n";
    return 2;
  }
  try {
    Translator translator(arguments[1]);
    if (std::string(arguments[2]) == "--check") {
      return Check(translator, ReadJson(Beside(arguments[1], "vectors.json"))["vectors"]) ? 0 : 1;
    }
    for (int i = 2; i < count; ++i) {
      const auto ids = translator.Encode(arguments[i]);
      if (ids.empty()) throw std::runtime_error("the text is too long");
      std::cout << translator.Search(ids, "greedy").front().text << "\n";
    }
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
