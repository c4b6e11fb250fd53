#include "daemon/module/form.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace sockherd::module {
namespace {

// Without a name from the beginning; where the file system cannot do that, without one at once.
UniqueFd open_nameless() {
  const char* folder = std::getenv("TMPDIR");
  const std::string directory = folder == nullptr || *folder == '\0' ? "/tmp" : folder;
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  std::string name = directory + "/sockherd-upload-XXXXXX";
  fd.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (fd) ::unlink(name.c_str());
  return fd;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

}  // namespace

UploadedFile::UploadedFile(std::string name, std::string filename, std::string content_type)
    : name_(std::move(name)),
      filename_(std::move(filename)),
      content_type_(std::move(content_type)) {}

UploadedFile::~UploadedFile() {
  if (mapped_ != nullptr) ::munmap(mapped_, size_);
}

bool UploadedFile::append(std::string_view piece) {
  size_ += piece.size();
  if (!file_ && size_ <= kMostInMemory) {
    memory_ += piece;
    return true;
  }
  if (!file_ && !spill()) return false;
  return write_all(file_.get(), piece);
}

bool UploadedFile::spill() {
  file_ = open_nameless();
  if (!file_ || !write_all(file_.get(), memory_)) return false;
  memory_ = {};
  return true;
}

bool UploadedFile::finish() {
  if (!file_) return true;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  if (mapped == MAP_FAILED) return false;
  mapped_ = mapped;
  return true;
}

std::string_view UploadedFile::content() const {
  if (mapped_ == nullptr) return memory_;
  return {static_cast<const char*>(mapped_), size_};
}

void UploadedFile::save(const std::string& path) const {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!fd) throw std::system_error(errno, std::generic_category(), "save " + path);
  if (write_all(fd.get(), content())) return;
  const int why = errno;
  ::unlink(path.c_str());
  throw std::system_error(why, std::generic_category(), "save " + path);
}

int MultipartForm::feed(std::string_view piece) {
  if (status_ == 0 && !reader_.feed(piece)) fail(400, reader_.fault());
  return status_;
}

int MultipartForm::finish() {
  if (status_ == 0 && !reader_.finish()) fail(400, reader_.fault());
  if (status_ != 0) return status_;
  for (const auto& [name, value] : fields_) pairs_.push_back({name, value});
  for (const UploadedFile& file : files_) uploads_.push_back(&file);
  return 0;
}

void MultipartForm::fail(int status, const char* text) {
  if (status_ != 0) return;
  status_ = status;
  text_ = text;
}

void MultipartForm::on_part(http::PartHead head) {
  file_ = nullptr;
  if (head.filename) {
    file_ = &files_.emplace_back(std::move(head.name), std::move(*head.filename),
                                 std::move(head.content_type));
  } else {
    field_bytes_ += head.name.size();
    fields_.emplace_back(std::move(head.name), "");
  }
}

void MultipartForm::on_data(std::string_view piece) {
  if (status_ != 0) return;
  if (file_ != nullptr) {
    if (!file_->append(piece)) fail(507, "there is no room for the upload");
    return;
  }
  field_bytes_ += piece.size();
  if (field_bytes_ > kMostFieldBytes) return fail(413, "the fields of the form are too long");
  fields_.back().second += piece;
}

void MultipartForm::on_part_end() {
  if (file_ == nullptr || status_ != 0) return;
  if (!file_->finish()) fail(507, "the upload cannot be read");
  if (file_->filename().empty() && file_->size() == 0) files_.pop_back();  // none was chosen
}

}  // namespace sockherd::module
