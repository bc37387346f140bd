"""Run by the Python that has `face_recognition`, never imported: pictures on standard input, one JSON line for each.

Called as its documentation shows (face_locations, then face_encodings, all at their defaults). The first line is
{"version"}; then {"faces", "encoding"} for each picture, the encoding of the face nearest to the middle or null; the
last is {"cpu_s", "wall_s"}, without the loading of the library and its models.
"""

import json
import sys
import time
from importlib import metadata

import dlib
import face_recognition

files = sys.stdin.read().splitlines()
face_recognition.face_encodings(face_recognition.load_image_file(files[0]))  # loads what is loaded when first used
print(json.dumps({"version": f"{metadata.version('face_recognition')} with dlib {dlib.__version__}"}))
cpu, wall = time.process_time(), time.perf_counter()
for file in files:
    picture = face_recognition.load_image_file(file)
    places = face_recognition.face_locations(picture)
    encodings = face_recognition.face_encodings(picture, places)
    height, width = picture.shape[:2]
    off = [abs(left + right - width) + abs(top + bottom - height) for top, right, bottom, left in places]
    nearest = encodings[off.index(min(off))].tolist() if off else None
    print(json.dumps({"faces": len(places), "encoding": nearest}))
print(json.dumps({"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}))
