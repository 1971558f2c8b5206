// Lists what Go's archive/tar reads in its own test archives, for comparison. Usage: list.go TESTDATA OUTPUT
package main

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	files, _ := filepath.Glob(filepath.Join(os.Args[1], "*.tar*"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		name := filepath.Base(file)
		switch filepath.Ext(name) {
		case ".base64":
			data, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(data)))
		case ".bz2":
			data, err = io.ReadAll(bzip2.NewReader(bytes.NewReader(data)))
		}
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(os.Args[2], name), data, 0o644); err != nil {
			panic(err)
		}
		os.WriteFile(filepath.Join(os.Args[2], name+".list"), []byte(list(data)), 0o644)
	}
}

func list(data []byte) string {
	var out strings.Builder
	reader := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			return "refused\n"
		}
		content := "-"
		if header.Typeflag == tar.TypeReg || header.Typeflag == tar.TypeGNUSparse {
			content = "large"
			if header.Size < 1<<20 {
				hash := sha256.New()
				if _, err := io.Copy(hash, reader); err != nil {
					return "refused\n"
				}
				content = fmt.Sprintf("%x", hash.Sum(nil))
			}
		}
		typeflag := header.Typeflag
		if typeflag == tar.TypeGNUSparse || typeflag == '7' {
			typeflag = tar.TypeReg
		}
		// Only a device has these numbers; what other entries hold there is of no account.
		if typeflag != tar.TypeChar && typeflag != tar.TypeBlock {
			header.Devmajor, header.Devminor = 0, 0
		}
		seconds, nanoseconds := header.ModTime.Unix(), header.ModTime.Nanosecond()
		fmt.Fprintf(&out, "%c %q %q %o %d:%d %d %d.%09d %d,%d %s\n", typeflag, header.Name, header.Linkname, header.Mode&0o7777,
			header.Uid, header.Gid, header.Size, seconds, nanoseconds, header.Devmajor, header.Devminor, content)
	}
}
