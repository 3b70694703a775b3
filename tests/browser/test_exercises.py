"""An exercise as a student does it: open the teacher's link, predict, type into the table, be told what is off."""

PATIENCE = 60_000
# Q = [[1, 0], [0, 2]], K = [[1, 2], [3, 4]]: scores [[1, 3], [4, 8]]
LINK = "exercises?v=1&exercise=hand&numbers=hand~1_0~0_2~1_2~3_4~1_1~1_0"
ROW_HEIGHT, HEADER_HEIGHT = 35, 35


def type_cell(page, row, column, text):
    """Click a cell of the answers' table, of two columns beside the rows' names, and type into it by keyboard."""
    table = page.locator('[data-testid="stDataFrame"]').first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.click(
        box["x"] + box["width"] * (0.35 + 0.45 * column), box["y"] + HEADER_HEIGHT + ROW_HEIGHT * (row + 0.5)
    )
    page.keyboard.press("Enter")
    editor = page.locator("#portal textarea, #portal input")
    editor.fill(text)
    editor.press("Enter")
    editor.wait_for(state="detached", timeout=PATIENCE)


def test_scores_typed_by_hand_are_checked_and_transposed_ones_told(address, page):
    page.goto(f"{address}/{LINK}")
    page.get_by_text("which key will q0 weigh more?").wait_for(timeout=PATIENCE)
    page.locator('[class*="st-key-guess_"] button').first.click()
    page.get_by_text("The scores").wait_for(timeout=PATIENCE)
    for row, column, text in ((0, 0, "1"), (0, 1, "4"), (1, 0, "3"), (1, 1, "8")):
        type_cell(page, row, column, text)
    page.get_by_text("These are the scores transposed").wait_for(timeout=PATIENCE)
    type_cell(page, 0, 1, "three")
    page.get_by_text("“three” is not a number").wait_for(timeout=PATIENCE)
    type_cell(page, 0, 1, "3")
    type_cell(page, 1, 0, "4")
    page.get_by_text("Right.").wait_for(timeout=PATIENCE)
    page.get_by_text("The weights: softmax of each row").wait_for(timeout=PATIENCE)
    page.get_by_text("2 Patterns").click()
    page.get_by_text("Name each pattern").wait_for(timeout=PATIENCE)
    page.get_by_text("1 By hand").click()
    page.get_by_text("Right.").wait_for(timeout=PATIENCE)
    page.wait_for_url("**numbers=hand*", timeout=PATIENCE)
    assert page.problems == []
